"""WHEP's layer extension: which simulcast layer a viewer is sent, and its page's wish.

`POST {"rid": "m"}` asks for one layer, `{}` leaves the choice to the server, `{"audio_only": true}`
asks for no picture; `GET` tells what there is. Knowing the session's unguessable URL is the right
to it, as for leaving.
"""

from typing import Annotated

import msgspec
from aiohttp import web

from liveserver.errors import (
    BadRequest,
    BodyTooLarge,
    RateLimited,
    SessionNotFound,
    UnsupportedMediaType,
)
from liveserver.http.backend import Backend
from liveserver.http.cross_origin import answer_options
from liveserver.http.incoming import read_json
from liveserver.http.rooms_api import answer_json
from liveserver.http.routing import Answer, Route
from media.layers import LayersShown, Wish

RELATION = "urn:ietf:params:whep:ext:core:layer"


def write_layer_link(room: str, session_id: str) -> str:
    """Write the `Link` that offers the extension in a 201."""
    return f'</whep/{room}/{session_id}/layer>; rel="{RELATION}"'


class LayerWish(msgspec.Struct, frozen=True):
    """What a viewer's page wants; everything left out is the server's choice.

    Unknown fields are ignored: players send others of the draft beside `encodingId`.
    """

    rid: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    "This layer, as `GET` names it; one that is gone means the highest."
    encodingId: Annotated[str, msgspec.Meta(max_length=64)] | None = None  # noqa: N815
    "The draft's name for `rid`."
    maxHeight: Annotated[int, msgspec.Meta(ge=1, le=16384)] | None = None  # noqa: N815
    "The draft's name for `max_height`."
    max_height: Annotated[int, msgspec.Meta(ge=1, le=16384)] | None = None
    "Pixels that the picture takes up on the screen; larger layers are not sent."
    audio_only: bool = False


class LayerView(msgspec.Struct, frozen=True):
    """A layer that arrives now."""

    rid: str
    "Empty without simulcast."
    height: int | None
    "Pixels; null until a key frame told it."
    bitrate_bps: int


class LayersView(msgspec.Struct, frozen=True):
    """What a viewer can be sent and is sent."""

    layers: list[LayerView]
    "The lowest first."
    current: str | None
    "`rid` of the layer being sent; null while no picture is sent."
    audio_only: bool
    "No picture on purpose: the page's wish, or a link too poor for one."


class WhepLayers:
    """The surface."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """Return the routes of a watching session's layers."""
        layer = "/whep/{room}/{session}/layer"
        options = {200: Answer("Allowed methods.", headers=("Accept-Post",))}
        return [
            Route(
                "GET",
                layer,
                self.show,
                "Show the layers of a watching session",
                "whep",
                {200: Answer("The layers.", LayersView)},
                problems=(SessionNotFound,),
            ),
            Route(
                "POST",
                layer,
                self.choose,
                "Choose the layer of a watching session",
                "whep",
                {204: Answer("Taken; the layer changes with its next key frame.")},
                body=LayerWish,
                problems=(
                    *(BadRequest, BodyTooLarge, UnsupportedMediaType),
                    *(RateLimited, SessionNotFound),
                ),
            ),
            Route("OPTIONS", layer, answer_options, "Allowed methods", "whep", options),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """Answer the layers; none before the session is connected."""
        return answer_json(_view(self._backend.rooms.media.layers_of(self._session(request))))

    async def choose(self, request: web.Request) -> web.Response:
        """Take the page's wish."""
        session_id = self._session(request)
        wish = await read_json(request, self._backend, LayerWish)
        rid = wish.encodingId if wish.rid is None else wish.rid
        self._backend.rooms.media.select_layer(
            session_id, Wish(rid, wish.max_height or wish.maxHeight, wish.audio_only)
        )
        return web.Response(status=204)

    def _session(self, request: web.Request) -> str:
        room, session_id = request.match_info["room"], request.match_info["session"]
        return self._backend.rooms.attendance(room, session_id, "egress").session_id


def _view(shown: LayersShown) -> LayersView:
    layers = [LayerView(each.rid, each.height, int(each.bitrate_bps)) for each in shown.layers]
    return LayersView(layers, shown.current, shown.is_audio_only)
