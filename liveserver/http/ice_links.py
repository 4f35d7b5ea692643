"""The ICE servers that browsers are told of, one `Link` each (RFC 9725 §4.6)."""

from liveserver.http.backend import Backend
from liveserver.identity.roles import Principal
from media.turn_credentials import make_turn_credentials


def write_ice_links(backend: Backend, principal: Principal | None) -> list[str]:
    """Write the servers for one person.

    People without a token get only servers that ask for no password.
    """
    settings = backend.settings.media
    links = [
        _write_link(server.url, server.username, server.credential)
        for server in settings.ice_servers
        if principal is not None or not server.credential
    ]
    if principal is not None and backend.turn_secret is not None:
        made = make_turn_credentials(
            backend.turn_secret.reveal().encode(),
            principal.sub,
            lifetime_s=settings.turn_lifetime_s,
            now=backend.clock(),
        )
        links += [_write_link(url, made.username, made.credential) for url in settings.turn_urls]
    return links


def _write_link(url: str, username: str, credential: str) -> str:
    link = f'<{url}>; rel="ice-server"'
    if credential:
        link += f"; username={_quote(username)}; credential={_quote(credential)}"
        link += '; credential-type="password"'
    return link


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
