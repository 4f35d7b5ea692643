"""What pages are told about a room. Pure."""

from datetime import UTC, datetime
from typing import Literal, overload

import msgspec

from liveserver.rooms.delays import Percentiles
from liveserver.rooms.media_port import MediaIngest, MediaOfRoom
from liveserver.rooms.room import Room
from media.events import Source


class IngestView(msgspec.Struct, frozen=True):
    """The publisher's side, measured over the last seconds."""

    video_codec: str | None
    audio_codec: str | None
    bitrate_bps: int
    loss: float
    "Lost share of the packets, 0 to 1."
    rtt_ms: int | None
    frames_per_second: float


class RoomView(msgspec.Struct, frozen=True):
    """A room as `GET /api/v1/rooms/{room}` shows it. Times are RFC 3339 in UTC."""

    room: str
    title: str
    state: Literal["scheduled", "live", "paused", "ended"]
    host: Literal["on", "away", "off"]
    host_name: str | None
    source: Source | None
    scheduled_at: str | None
    started_at: str | None
    ended_at: str | None
    viewers: int
    delay_ms: Percentiles | None
    "Percentiles of what connected viewers reported in the last 10 s."
    ingest: IngestView | None
    uplink_ms: int | None
    "Half the publisher's round trip."
    pinned: None
    "The pinned product; none yet."
    sale: None
    "The running sale; none yet."
    server_time: str


def describe_room(
    room: Room, media: MediaOfRoom, delay: Percentiles | None, *, now: float
) -> RoomView:
    """Put together what a page needs to draw the room."""
    record = room.record
    ingest = _describe_ingest(media.ingest) if media.ingest else None
    rtt_ms = ingest.rtt_ms if ingest else None
    return RoomView(
        room=record.room,
        title=record.title,
        state=record.state.value,
        host=room.presence.value,
        host_name=room.host_name,
        source=room.source,
        scheduled_at=write_time(record.scheduled_at),
        started_at=write_time(record.started_at),
        ended_at=write_time(record.ended_at),
        viewers=media.viewers,
        delay_ms=delay,
        ingest=ingest,
        uplink_ms=None if rtt_ms is None else round(rtt_ms / 2),
        pinned=None,
        sale=None,
        server_time=write_time(now),
    )


def _describe_ingest(ingest: MediaIngest) -> IngestView:
    return IngestView(
        video_codec=ingest.video_codec,
        audio_codec=ingest.audio_codec,
        bitrate_bps=ingest.bitrate_bps,
        loss=round(ingest.loss, 4),
        rtt_ms=ingest.rtt_ms,
        frames_per_second=round(ingest.frames_per_second, 1),
    )


@overload
def write_time(at: float) -> str: ...
@overload
def write_time(at: None) -> None: ...
@overload
def write_time(at: float | None) -> str | None: ...
def write_time(at: float | None) -> str | None:
    """Write seconds since the epoch as RFC 3339 in UTC with milliseconds."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
