"""What the HTTP surfaces work on; put together by the composition root."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from liveserver.http.counters import HttpCounters
from liveserver.identity.addresses import Network
from liveserver.identity.aio.door import Door
from liveserver.identity.rate_limit import RateLimiter
from liveserver.rooms.aio.keeper import RoomKeeper
from liveserver.secret import Secret
from liveserver.settings import Settings
from liveserver.storage.aio.store import Store


class Backend(msgspec.Struct, frozen=True):
    """The parts of a running server that requests reach."""

    settings: Settings
    clock: Callable[[], float]
    "Seconds since the epoch that never run back."
    door: Door
    rooms: RoomKeeper
    store: Store
    guest_limiter: RateLimiter
    signalling_limiter: RateLimiter
    counters: HttpCounters
    trusted_proxies: tuple[Network, ...]
    turn_secret: Secret | None
    "Shared with the TURN servers of `media.turn_urls`; None without any."
    pages: Path
    "Folder with the built browser pages."
