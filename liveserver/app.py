"""The composition root: builds every part, plugs them together, starts and stops them in order."""

import ipaddress
import logging
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from importlib import metadata
from pathlib import Path

from aiohttp import web

from liveserver.aio.clock import BootClock
from liveserver.aio.demo_child import DemoChild
from liveserver.aio.sockets import open_listener
from liveserver.errors import SettingsError
from liveserver.http.application import build_application
from liveserver.http.backend import Backend
from liveserver.http.counters import HttpCounters
from liveserver.identity.aio.door import Door
from liveserver.identity.aio.revocations import RevokedTokens
from liveserver.identity.aio.secret_file import load_or_create_secret
from liveserver.identity.rate_limit import RateLimiter
from liveserver.identity.roles import Role
from liveserver.logs import fields
from liveserver.rooms.aio.keeper import RoomKeeper
from liveserver.rooms.media_port import MediaPort
from liveserver.rooms.room import State
from liveserver.secret import Secret
from liveserver.settings import Settings, is_loopback
from liveserver.storage.aio.store import Store
from media.aio.server import MediaServer
from media.events import MediaEvent
from media.settings import MediaSettings

logger = logging.getLogger(__name__)

WEB_DIST = Path(__file__).parent / "web" / "dist"
DEMO_ROOM = "demo"
DEMO_TITLE = "演示直播间 · Demo room"
# The child gets a fresh one each time it is started.
DEMO_TOKEN_S = 30 * 86_400.0

# After a refusal the rest of the body is read for so long that the client sees the answer and no
# reset; aiohttp's 10 s would let refused senders hold on.
LINGER_S = 1.0
KEEP_ALIVE_S = 75.0
"As nginx; aiohttp keeps a silent connection and its task for an hour."

MediaMaker = Callable[[MediaSettings, Callable[[MediaEvent], None]], MediaPort]


def make_media_server(settings: MediaSettings, on_event: Callable[[MediaEvent], None]) -> MediaPort:
    """Make the real media plane."""
    from media.aio.server import MediaServer

    return MediaServer(settings, on_event)


class Server:
    """A whole server.

    **`await start()`, then `await stop()`, each once.**
    """

    def __init__(
        self,
        settings: Settings,
        *,
        make_media: MediaMaker = MediaServer,
        pages: Path = WEB_DIST,
    ) -> None:
        self._settings = settings
        self._exit = AsyncExitStack()
        clock = BootClock()
        self._store = Store(settings.storage.url)
        self.revoked = RevokedTokens(self._store)
        secret = load_or_create_secret(Path(settings.auth.secret_file))
        self.door = Door(settings.auth, secret, clock, self.revoked)
        self._rooms = RoomKeeper(
            settings.rooms,
            lambda on_event: make_media(settings.media, on_event),
            self._store,
            clock,
        )
        self.backend = Backend(
            settings=settings,
            clock=clock,
            door=self.door,
            rooms=self._rooms,
            store=self._store,
            guest_limiter=RateLimiter(settings.auth.guest_tokens_per_minute),
            signalling_limiter=RateLimiter(settings.http.signalling_per_minute),
            turn_secret=_load_turn_secret(settings.media),
            counters=HttpCounters(),
            trusted_proxies=tuple(
                ipaddress.ip_network(network, strict=False)
                for network in settings.http.trusted_proxies
            ),
            pages=pages,
        )
        self.application = build_application(self.backend, metadata.version("liveserver"))
        self.port = 0

    async def start(self) -> None:
        """Open the storage, then the ports.

        Raises:
            SettingsError: the TLS files are no certificate and key.
            StorageUnavailable: the database cannot be opened or migrated.
            OSError: a port cannot be bound; its text names the setting.
        """
        tls = _make_tls(self._settings.http.tls_cert, self._settings.http.tls_key)
        try:
            await self._start_parts(tls)
        except BaseException:
            await self._exit.aclose()
            raise
        logger.info("started", extra=fields(port=self.port, udp_port=self._rooms.media.port))

    async def _start_parts(self, tls: ssl.SSLContext | None) -> None:
        # Stopped in the opposite order: no new requests, sessions closed, the rest saved.
        self._exit.push_async_callback(self._store.close)
        await self._store.open()
        self._exit.push_async_callback(self.revoked.close)
        await self.revoked.open()
        self._exit.push_async_callback(self.door.close)
        self._exit.push_async_callback(self._rooms.close)
        await self._rooms.open()
        await self._start_media()
        await self._start_http(tls)

    async def _start_media(self) -> None:
        media = self._rooms.media
        try:
            await media.start()
        except OSError as error:
            raise OSError(f"media.udp_port: cannot be bound ({error})") from error
        self._exit.push_async_callback(media.stop)

    async def _start_http(self, tls: ssl.SSLContext | None) -> None:
        http = self._settings.http
        runner = web.AppRunner(
            self.application,
            access_log=None,
            shutdown_timeout=http.shutdown_grace_s,
            lingering_time=LINGER_S,
            keepalive_timeout=KEEP_ALIVE_S,
        )
        await runner.setup()
        self._exit.push_async_callback(runner.cleanup)
        try:
            listener = open_listener(http.host, http.port)
        except OSError as error:
            raise OSError(f"http.port: cannot be bound ({error})") from error
        await web.SockSite(runner, listener, ssl_context=tls).start()
        self.port = listener.getsockname()[1]

    async def start_demo(self) -> None:
        """Make the demo room, and keep the built-in picture publishing to it."""
        room = self._rooms.find(DEMO_ROOM)
        if room is None:
            await self._rooms.create(DEMO_ROOM, DEMO_TITLE, None)
        elif room.state is State.ENDED:
            await self._rooms.change(DEMO_ROOM, state=State.SCHEDULED)
        scheme = "https" if self._settings.http.tls_cert else "http"
        url = f"{scheme}://{self.own_host()}:{self.port}/whip/{DEMO_ROOM}"
        child = DemoChild(url, self._settings.http.tls_cert, self._make_demo_token)
        child.start()
        self._exit.push_async_callback(child.stop)

    async def stop(self) -> None:
        """Stop everything that was started."""
        await self._exit.aclose()
        logger.info("stopped")

    def own_host(self) -> str:
        """Return the host under which this machine reaches its own HTTP port."""
        host = self._settings.http.host
        if host in ("::", "0.0.0.0", "localhost") or is_loopback(host):
            return "[::1]" if host == "::1" else "127.0.0.1"
        return f"[{host}]" if ":" in host else host

    def make_host_token(self, room: str, hours: float, name: str = "") -> str:
        """Sign a host's token for one room."""
        return self.door.issue(frozenset({Role.HOST}), hours * 3600, name=name, room=room)

    def _make_demo_token(self) -> str:
        return self.door.issue(
            frozenset({Role.HOST}),
            DEMO_TOKEN_S,
            name="演示 · Demo",
            room=DEMO_ROOM,
            publishes_as="demo",
        )


def create_app(settings: Settings) -> Server:
    """Build a server that is ready to start.

    Raises:
        SettingsError: the signing secret cannot be read or made.
    """
    return Server(settings)


def _load_turn_secret(settings: MediaSettings) -> Secret | None:
    if not settings.turn_urls:
        return None
    try:
        text = Path(settings.turn_secret_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"media.turn_secret_file: cannot be read ({error})") from error
    if not text:
        raise SettingsError("media.turn_secret_file: is empty")
    return Secret(text)


def _make_tls(certificate: str, key: str) -> ssl.SSLContext | None:
    if not certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(
            f"http.tls_cert: is not a certificate with its key ({error})"
        ) from error
    return context
