import itertools

import pytest

from liveserver.errors import Forbidden
from liveserver.identity.permissions import PERMISSIONS, Action, demand, is_allowed
from liveserver.identity.roles import Principal, Role


def principal(*roles: Role, room: str | None = None) -> Principal:
    return Principal(
        sub="a",
        name="Ada",
        roles=frozenset(roles),
        jti="j",
        issued_at=0,
        expires_at=1,
        first_issued_at=0,
        room=room,
    )


def test_table_knows_every_action() -> None:
    assert set(PERMISSIONS) == set(Action)


@pytest.mark.parametrize("role", [Role.GUEST, Role.VIEWER, Role.MODERATOR])
def test_watchers_may_change_nothing(role: Role) -> None:
    for action, room in itertools.product(Action, (None, "demo")):
        assert not is_allowed(principal(role, room=room), action, "demo")


def test_host_may_publish_to_and_change_its_own_room_alone() -> None:
    host = principal(Role.HOST, room="demo")
    for action in (Action.PUBLISH, Action.EDIT_ROOM):
        assert is_allowed(host, action, "demo")
        assert not is_allowed(host, action, "other")
    assert not is_allowed(host, Action.CREATE_ROOM, None)


def test_host_without_a_room_may_do_nothing() -> None:
    for action in Action:
        assert not is_allowed(principal(Role.HOST), action, "demo")


@pytest.mark.parametrize("role", [Role.MERCHANT, Role.ADMIN])
def test_shop_may_do_everything_everywhere(role: Role) -> None:
    for action, room in itertools.product(Action, (None, "demo")):
        assert is_allowed(principal(role), action, room)


def test_room_claim_narrows_a_merchant_too() -> None:
    narrowed = principal(Role.MERCHANT, room="demo")
    assert is_allowed(narrowed, Action.PUBLISH, "demo")
    assert not is_allowed(narrowed, Action.PUBLISH, "other")
    assert not is_allowed(narrowed, Action.CREATE_ROOM, None)


def test_demand_says_what_is_not_allowed() -> None:
    with pytest.raises(Forbidden, match="create rooms"):
        demand(principal(Role.HOST, room="demo"), Action.CREATE_ROOM, None)
