"""What the media plane tells its owner. Records only; past tense."""

from typing import Literal

import msgspec

Source = Literal["host", "demo"]
Role = Literal["ingest", "egress"]
CloseReason = Literal["client", "taken_over", "timeout", "consent", "dtls", "server"]


class MediaStarted(msgspec.Struct, frozen=True):
    """A publisher became the room's picture: first packets, after silence, or by a switch."""

    room: str
    session_id: str
    source: Source


class MediaStopped(msgspec.Struct, frozen=True):
    """The room has no flowing publisher any more: 2 s of silence, or its session closed."""

    room: str
    session_id: str
    source: Source


class SessionClosed(msgspec.Struct, frozen=True):
    """An ingest or egress session ended and its resources are free."""

    room: str
    session_id: str
    role: Role
    source: Source | None
    "Only for ingest sessions."
    reason: CloseReason


MediaEvent = MediaStarted | MediaStopped | SessionClosed
