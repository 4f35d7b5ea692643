"""WHEP's layer extension over real HTTP, with the media plane faked."""

import pytest

from media.layers import Layer, LayersShown, Wish
from tests.support.house import House


@pytest.fixture
async def session(house: House) -> str:
    await house.go_live()
    return (await house.watch("demo")).headers["Location"]


async def test_the_extension_is_offered_with_the_session(house: House) -> None:
    await house.go_live()
    answer = await house.watch("demo")
    relation = "urn:ietf:params:whep:ext:core:layer"
    assert f'<{answer.headers["Location"]}/layer>; rel="{relation}"' in answer.headers.getall(
        "Link"
    )


async def test_a_page_is_told_the_layers_and_the_one_it_gets(house: House, session: str) -> None:
    layers = (Layer("l", 149_999.6, 320), Layer("h", 2_500_000.0))
    house.media.layers = LayersShown(layers, "l")
    answer = await house.call("GET", f"{session}/layer")
    assert answer.status == 200
    assert answer.json == {
        "layers": [
            {"rid": "l", "height": 320, "bitrate_bps": 149_999},
            {"rid": "h", "height": None, "bitrate_bps": 2_500_000},
        ],
        "current": "l",
        "audio_only": False,
    }


@pytest.mark.parametrize(
    ("body", "wish"),
    [
        ({"rid": "m", "max_height": None, "audio_only": False}, Wish("m")),
        ({"max_height": 640}, Wish(max_height=640)),
        ({"audio_only": True}, Wish(is_audio_only=True)),
        ({}, Wish()),
        ({"mediaId": "0", "encodingId": "l"}, Wish("l")),
    ],
)
async def test_a_pages_wish_reaches_the_media_plane(
    house: House, session: str, body: object, wish: Wish
) -> None:
    answer = await house.call("POST", f"{session}/layer", json=body)
    assert answer.status == 204
    assert house.media.wishes == {session.rsplit("/", 1)[1]: wish}


@pytest.mark.parametrize("body", [{"rid": 3}, {"max_height": 0}, {"audio_only": "yes"}, [], "x"])
async def test_a_wish_of_another_shape_is_refused(house: House, session: str, body: object) -> None:
    answer = await house.call("POST", f"{session}/layer", json=body)
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert house.media.wishes == {}


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_session_that_ended_has_no_layers(house: House, session: str, method: str) -> None:
    await house.call("DELETE", session)
    answer = await house.call(method, f"{session}/layer", json={})
    assert (answer.status, answer.code) == (404, "session_not_found")
