"""STUN and TURN servers in `Link` headers: passwords only for people with a token."""

import re
from pathlib import Path

import pytest

from liveserver.errors import SettingsError
from media.turn_credentials import make_turn_credentials
from tests.integration.conftest import OpenHouse
from tests.support.house import House, open_house

TURN = ["turn:turn.example.com?transport=udp", "turns:turn.example.com:443?transport=tcp"]
LINK = re.compile(
    r'<(turns?:[^>]+)>; rel="ice-server"; username="(\d+):([^"]+)"; credential="([^"]+)"; '
    r'credential-type="password"'
)


@pytest.fixture
async def turn_house(open_server: OpenHouse, tmp_path: Path) -> House:
    secret = tmp_path / "turn_secret"
    secret.write_text("north\n")
    return await open_server(
        media={"turn_urls": TURN, "turn_secret_file": str(secret), "turn_lifetime_s": 600}
    )


def turn_links(headers: list[str]) -> list[tuple[str, ...]]:
    return [found.groups() for link in headers if (found := LINK.fullmatch(link))]


async def test_hosts_get_credentials_that_the_turn_server_can_check(turn_house: House) -> None:
    token = await turn_house.go_live()
    answer = await turn_house.publish("demo", token)
    links = turn_links(answer.headers.getall("Link"))
    assert [url for url, *_ in links] == TURN
    now = turn_house.server.backend.clock()
    for _, expiry, subject, credential in links:
        assert now < int(expiry) <= now + 601
        made = make_turn_credentials(b"north", subject, lifetime_s=0, now=float(expiry))
        assert made.credential == credential


async def test_viewers_get_credentials_with_a_guests_token(turn_house: House) -> None:
    await turn_house.go_live()
    without = await turn_house.watch("demo")
    assert turn_links(without.headers.getall("Link")) == []
    guest = (await turn_house.call("POST", "/api/v1/tokens/guest", json={})).json["token"]
    with_token = await turn_house.watch("demo", guest)
    assert len(turn_links(with_token.headers.getall("Link"))) == 2


async def test_options_with_a_token_tells_the_servers_before_the_first_offer(
    turn_house: House,
) -> None:
    guest = turn_house.token("guest")
    for surface in ("whip", "whep"):
        answer = await turn_house.call("OPTIONS", f"/{surface}/demo", token=guest)
        assert (answer.status, len(turn_links(answer.headers.getall("Link")))) == (200, 2)
        for headers in ({}, {"Access-Control-Request-Method": "POST"}):
            plain = await turn_house.call("OPTIONS", f"/{surface}/demo", headers=headers)
            assert (plain.status, plain.headers.getall("Link", [])) == (200, [])


@pytest.mark.parametrize(
    ("media", "text"),
    [
        ({"turn_urls": TURN}, "media.turn_secret_file: must be set"),
        ({"turn_urls": TURN, "turn_secret_file": "/nowhere"}, "media.turn_secret_file: cannot"),
        ({"turn_urls": ["stun:x"], "turn_secret_file": "x"}, "media.turn_urls"),
    ],
)
async def test_a_turn_server_without_its_secret_is_refused_at_the_start(
    tmp_path: Path, media: dict[str, object], text: str
) -> None:
    with pytest.raises(SettingsError, match=re.escape(text)):
        await open_house(tmp_path, media=media)
