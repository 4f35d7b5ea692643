"""Who may do what, as one table. Pure; knows neither tokens nor HTTP.

| action      | guest viewer moderator | host     | merchant admin |
|-------------|------------------------|----------|----------------|
| watch       | any room               | any room | any room       |
| publish     |                        | own room | any room       |
| edit_room   |                        | own room | any room       |
| create_room |                        |          | yes            |

A host's own room is the `room` claim of the token: without it the role `host` opens nothing.
Watching is also open to people without a token, so it is not asked here.
"""

from collections.abc import Mapping
from enum import StrEnum

from liveserver.errors import Forbidden
from liveserver.identity.roles import Principal, Role


class Action(StrEnum):
    """What a permission is asked for."""

    PUBLISH = "publish to this room"
    EDIT_ROOM = "change this room"
    CREATE_ROOM = "create rooms"


class Scope(StrEnum):
    """Which rooms a role's grant reaches."""

    OWN_ROOM = "own_room"
    ANY_ROOM = "any_room"


_SHOP_WIDE = {Role.MERCHANT: Scope.ANY_ROOM, Role.ADMIN: Scope.ANY_ROOM}
_SHOP_AND_HOST = {Role.HOST: Scope.OWN_ROOM, **_SHOP_WIDE}
PERMISSIONS: Mapping[Action, Mapping[Role, Scope]] = {
    Action.PUBLISH: _SHOP_AND_HOST,
    Action.EDIT_ROOM: _SHOP_AND_HOST,
    Action.CREATE_ROOM: _SHOP_WIDE,
}


def is_allowed(principal: Principal, action: Action, room: str | None) -> bool:
    """Whether `principal` may do `action` on `room` (None: on no room in particular).

    A `room` claim narrows every role of the token, also a merchant's, to that room.
    """
    if principal.room is not None and principal.room != room:
        return False
    scopes = {scope for role, scope in PERMISSIONS[action].items() if role in principal.roles}
    if Scope.ANY_ROOM in scopes:
        return True
    return Scope.OWN_ROOM in scopes and principal.room is not None


def demand(principal: Principal, action: Action, room: str | None) -> None:
    """Raise `Forbidden` unless `principal` may do `action` on `room`."""
    if not is_allowed(principal, action, room):
        raise Forbidden(f"Your token does not allow to {action}.")
