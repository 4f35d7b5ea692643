"""What WHIP and WHEP have in common (RFC 9725, draft-ietf-wish-whep-03)."""

from aiohttp import web

from liveserver.http.routing import SDP
from liveserver.rooms.media_port import MediaSession
from media.settings import IceServer


def answer_created(session: MediaSession, surface: str, links: list[str]) -> web.Response:
    """Answer 201 with the SDP, the session URL, its entity-tag and the ICE servers."""
    response = web.Response(
        status=201,
        text=session.answer,
        content_type=SDP,
        headers={
            "Location": f"/{surface}/{session.room}/{session.id}",
            "ETag": session.etag,
            "Cache-Control": "no-store",
        },
    )
    # The answer is ASCII; RFC 8866 gives application/sdp no charset parameter.
    response.headers["Content-Type"] = SDP
    for link in links:
        response.headers.add("Link", link)
    return response


def write_ice_links(servers: list[IceServer], *, with_credentials: bool) -> list[str]:
    """Write one `Link` per ICE server (RFC 9725 §4.6).

    People without a token get only servers that ask for no password.
    """
    return [_write_link(server) for server in servers if with_credentials or not server.credential]


def _write_link(server: IceServer) -> str:
    link = f'<{server.url}>; rel="ice-server"'
    if server.credential:
        username, credential = _quote(server.username), _quote(server.credential)
        link += f"; username={username}; credential={credential}"
        link += '; credential-type="password"'
    return link


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
