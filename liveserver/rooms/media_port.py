"""What the rooms need of the media plane. `media.aio.server.MediaServer` is the real one."""

from typing import Protocol

from media.events import CloseReason, Role, Source
from media.layers import LayersShown, Wish


class MediaSession(Protocol):
    """One open ingest or egress session."""

    @property
    def id(self) -> str:
        """Unguessable, URL-safe."""

    @property
    def room(self) -> str:
        """The room's address."""

    @property
    def role(self) -> Role:
        """Which way its media flows."""

    @property
    def answer(self) -> str:
        """The SDP answer."""

    @property
    def etag(self) -> str:
        """Strong entity-tag of its ICE session, quoted."""


class MediaRestart(Protocol):
    """Our half of an ICE restart."""

    @property
    def fragment(self) -> str:
        """New credentials and candidates, as a trickle fragment."""

    @property
    def etag(self) -> str:
        """The session's new entity-tag, quoted."""


class MediaIngest(Protocol):
    """Measured numbers of the active publisher, over the last seconds."""

    @property
    def video_codec(self) -> str | None:
        """As `H264`; None without video."""

    @property
    def audio_codec(self) -> str | None:
        """As `opus`; None without audio."""

    @property
    def bitrate_bps(self) -> int:
        """Bits per second that arrive."""

    @property
    def loss(self) -> float:
        """Lost share, 0 to 1."""

    @property
    def rtt_ms(self) -> int | None:
        """Round trip to the publisher; None before it is known."""

    @property
    def frames_per_second(self) -> float:
        """Pictures that arrive."""


class MediaOfRoom(Protocol):
    """Measured numbers of a room."""

    @property
    def viewers(self) -> int:
        """Connected egress sessions."""

    @property
    def ingest(self) -> MediaIngest | None:
        """The active publisher."""


class MediaPort(Protocol):
    """The media plane, as seen from here."""

    @property
    def port(self) -> int:
        """The bound UDP port; 0 while not started."""

    async def start(self) -> None:
        """Bind the port; `OSError` if that fails."""

    async def stop(self) -> None:
        """Close every session and the port."""

    async def publish(self, room: str, offer: str, *, source: Source) -> MediaSession:
        """Open an ingest session; raises `MediaError`."""

    async def subscribe(self, room: str, offer: str) -> MediaSession:
        """Open an egress session; raises `MediaError`."""

    def patch(self, session_id: str, fragment: str, if_match: str | None) -> MediaRestart | None:
        """Take a trickle fragment; raises `MediaError`. None unless it restarts ICE."""

    def find(self, session_id: str) -> MediaSession | None:
        """Return an open session."""

    def is_connected(self, session_id: str) -> bool:
        """Whether the session is open and its handshake done."""

    def select_layer(self, session_id: str, wish: Wish) -> None:
        """Take what a viewer's page asks for."""

    def layers_of(self, session_id: str) -> LayersShown:
        """Tell what a viewer can be sent and is sent."""

    async def close(self, session_id: str, reason: CloseReason) -> None:
        """End a session; an unknown one is ignored."""

    def room_media(self, room: str) -> MediaOfRoom:
        """Return measured numbers; zeros and None for an unknown room."""

    def counters(self) -> dict[str, float]:
        """Return the metrics of the media plane by name."""
