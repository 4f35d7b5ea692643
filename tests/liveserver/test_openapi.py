from typing import Any

import msgspec

from liveserver.errors import BadRequest, RoomNotFound
from liveserver.http.openapi import describe_routes
from liveserver.http.routing import Answer, Route


class Thing(msgspec.Struct, frozen=True):
    """A thing."""

    name: str
    size: int | None = None


async def handle(_request: object) -> Any:
    raise NotImplementedError


def describe(**changes: Any) -> dict[str, Any]:
    route: dict[str, Any] = {
        "method": "POST",
        "path": "/things/{room}",
        "handler": handle,
        "summary": "Make a thing",
        "tag": "rooms",
        "answers": {201: Answer("Made.", Thing, ("Location",))},
    }
    document = describe_routes([Route(**(route | changes))], "1.2.3")
    operation: dict[str, Any] = document["paths"]["/things/{room}"]["post"]
    assert document["openapi"] == "3.1.0"
    return operation


def test_bodies_refer_to_their_schemas() -> None:
    operation = describe(body=Thing)
    reference = {"schema": {"$ref": "#/components/schemas/Thing"}}
    assert operation["requestBody"]["content"] == {"application/json": reference}
    assert operation["responses"]["201"]["content"] == {"application/json": reference}
    assert "Location" in operation["responses"]["201"]["headers"]


def test_other_media_types_are_texts() -> None:
    operation = describe(body="application/sdp")
    assert operation["requestBody"]["content"]["application/sdp"]["schema"] == {"type": "string"}


def test_problems_list_their_codes_by_status() -> None:
    responses = describe(problems=(RoomNotFound, BadRequest))["responses"]
    assert "`room_not_found`" in responses["404"]["description"]
    assert "application/problem+json" in responses["400"]["content"]


def test_path_parts_are_required_parameters() -> None:
    assert describe()["parameters"][0]["name"] == "room"
    assert describe()["parameters"][0]["required"] is True


def test_optional_tokens_are_marked_so() -> None:
    assert "security" not in describe()
    assert describe(bearer="required")["security"] == [{"bearer": []}]
    assert describe(bearer="optional")["security"] == [{"bearer": []}, {}]
