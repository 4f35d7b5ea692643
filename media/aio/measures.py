"""Measured numbers of rooms and of the whole media plane."""

from collections.abc import Iterable

import msgspec

from media.events import Source
from media.forwarder import Forwarder
from media.publisher import Publisher


class IngestMedia(msgspec.Struct, frozen=True):
    """Measured numbers of the publisher that is the picture."""

    source: Source
    session_id: str
    video_codec: str | None
    audio_codec: str | None
    bitrate_bps: int
    loss: float
    "Share of packets lost over the last second, 0..1."
    rtt_ms: int | None
    frames_per_second: float


class RoomMedia(msgspec.Struct, frozen=True):
    """Measured numbers of a room."""

    viewers: int
    "Connected egress sessions."
    ingest: IngestMedia | None


def measure_room(forwarder: Forwarder, rtt_s: float | None, now: float) -> RoomMedia:
    """Measure a room whose active publisher has the given round-trip time."""
    active = forwarder.active
    return RoomMedia(
        viewers=len(forwarder.subscribers),
        ingest=None if active is None else _measure_ingest(active, rtt_s, now),
    )


def _measure_ingest(publisher: Publisher, rtt_s: float | None, now: float) -> IngestMedia:
    video, audio = publisher.track("video"), publisher.track("audio")
    tracks = [track for track in (video, audio) if track is not None]
    for track in tracks:
        track.bitrate.advance(now)
        track.frame_rate.advance(now)
    return IngestMedia(
        source=publisher.source,
        session_id=publisher.session_id,
        video_codec=None if video is None else video.codec.name,
        audio_codec=None if audio is None else audio.codec.name,
        bitrate_bps=int(sum(track.bitrate.per_second for track in tracks)),
        loss=max((track.loss_fraction() for track in tracks), default=0.0),
        rtt_ms=None if rtt_s is None else round(rtt_s * 1000),
        frames_per_second=0.0 if video is None else round(video.frame_rate.per_second, 1),
    )


def count_publisher(publisher: Publisher) -> dict[str, int]:
    """A publisher's counters under their metric names."""
    return {
        "media_packets_received_total": publisher.packets,
        "media_keyframe_requests_total": publisher.keyframe_requests,
        "media_malformed_rtp_total": publisher.malformed,
        "media_unknown_rtp_total": publisher.unknown,
        "media_packets_nacked_total": publisher.nacked,
        "media_packets_recovered_total": publisher.recovered,
    }


def add_publishers(counters: dict[str, float], publishers: Iterable[Publisher]) -> None:
    """Add the counters of publishers that are still here to those of the ones that left."""
    for publisher in publishers:
        for name, amount in count_publisher(publisher).items():
            counters[name] = counters.get(name, 0) + amount
