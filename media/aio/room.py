"""Drives one room's forwarder: feeds it, flushes it in time, and carries out what it asks."""

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Protocol

from media.events import MediaEvent
from media.forwarder import Forwarder
from media.kernel import FanOut
from media.settings import MediaSettings


class RoomOwner(Protocol):
    """What a room needs of the server."""

    settings: MediaSettings
    fan_out: FanOut

    def now(self) -> float:
        """Monotonic seconds."""

    def send_rtcp(self, session_id: str, data: bytes) -> None:
        """Protect and send RTCP to a session."""

    def emit(self, event: MediaEvent) -> None:
        """Hand an event to the owner of the media plane."""

    def replace(self, session_id: str) -> None:
        """End the session of a publisher that a later host replaced."""


class MediaRoom:
    """A room while somebody publishes or watches."""

    def __init__(self, name: str, owner: RoomOwner) -> None:
        """Make an empty room."""
        self.name = name
        self._owner = owner
        settings = owner.settings
        self.forwarder = Forwarder(
            name,
            owner.fan_out.forward,
            away_after_s=settings.away_after_ms / 1000,
            gather_s=settings.gather_ms / 1000,
        )
        self._flush_handle: asyncio.TimerHandle | None = None
        self._update_wall_clock()

    def after_input(self) -> None:
        """Send and tell what the last inputs brought about; call after each batch."""
        forwarder, now = self.forwarder, self._owner.now()
        forwarder.flush(now)
        for session_id, data in forwarder.feedback_to_send(now):
            self._owner.send_rtcp(session_id, data)
        while (event := forwarder.next_event()) is not None:
            self._owner.emit(event)
        for session_id in forwarder.sessions_to_close():
            self._owner.replace(session_id)
        due = forwarder.get_flush_timer()
        if due is not None and self._flush_handle is None:
            loop = asyncio.get_running_loop()
            self._flush_handle = loop.call_later(max(0.0, due - now), self._flush_late)

    def tick(self) -> None:
        """Do what is due by the clock; call about every 100 ms."""
        now = self._owner.now()
        self._update_wall_clock()
        self.forwarder.handle_timer(now)
        for session_id, data in self.forwarder.reports_to_send(now):
            self._owner.send_rtcp(session_id, data)
        self.after_input()

    def close(self) -> None:
        """Cancel the timer."""
        if self._flush_handle is not None:
            self._flush_handle.cancel()
            self._flush_handle = None

    def _flush_late(self) -> None:
        self._flush_handle = None
        self.after_input()

    def _update_wall_clock(self) -> None:
        self.forwarder.wall_offset = time.time() - self._owner.now()  # noqa: TID251


def random_ssrc(taken: Callable[[int], bool] = lambda _: False) -> int:
    """Choose an SSRC (RFC 3550 §8.1): random, not 0."""
    while True:
        ssrc = secrets.randbits(32)
        if ssrc and not taken(ssrc):
            return ssrc
