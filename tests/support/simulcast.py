"""A host that sends one picture in several layers, and repeats what is asked for (RTX)."""

from collections.abc import Collection, Mapping
from random import Random

from media.client_offer import EXTENSIONS
from media.negotiation import IngestPlan, PlannedTrack
from media.rtcp import write_sender_report
from media.rtp import (
    EXTENSION_REPAIRED_RID,
    EXTENSION_RID,
    RtpPacket,
    parse_packet,
    write_packet,
)
from tests.support.media_factories import TRANSPORT, Room, Stream, codec, with_rtx

RID_ID, REPAIRED_RID_ID = 10, 11
HEIGHTS = {"l": 180, "m": 360, "h": 720}
FRAME = {"l": (1, 700), "m": (2, 1050), "h": (6, 1040)}
"Packets of a frame and their size: 168, 504 and 1,498 kbit/s at 30 frames a second."
FRAME_S = 1 / 30


def simulcast_plan(
    name: str = "VP8", *, rids: tuple[str, ...] = ("l", "m", "h"), others: tuple[str, ...] = ()
) -> IngestPlan:
    """What is agreed with a publisher of sound and layers of a picture, with RTX."""
    extensions = {**EXTENSIONS, EXTENSION_RID: RID_ID, EXTENSION_REPAIRED_RID: REPAIRED_RID_ID}
    video = with_rtx([codec(one) for one in (name, *others)])
    return IngestPlan(
        TRANSPORT,
        (
            PlannedTrack("audio", "0", 0, (codec("opus"),), extensions),
            PlannedTrack("video", "1", 1, video, extensions, rids),
        ),
        {},
    )


def retransmission(
    data: bytes, *, payload_type: int = 30, ssrc: int, sequence: int, rid: str = ""
) -> bytes:
    """The RTX packet (RFC 4588 §4) that repeats an RTP packet."""
    packet = parse_packet(data)
    return write_packet(
        RtpPacket(
            payload_type,
            packet.marker,
            sequence & 0xFFFF,
            packet.timestamp,
            ssrc,
            {REPAIRED_RID_ID: rid.encode()} if rid else {},
            packet.sequence.to_bytes(2, "big") + packet.payload,
        )
    )


class SimulcastHost:
    """Layers of one picture; each has random numbers and timestamps of its own."""

    def __init__(
        self,
        room: Room,
        session_id: str = "host",
        *,
        name: str = "VP8",
        ssrc: int = 0x5EED0100,
        rids: tuple[str, ...] = ("l", "m", "h"),
    ) -> None:
        self.room, self.session_id = room, session_id
        self.publisher = room.publish(session_id, plan=simulcast_plan(name, rids=rids))
        random = Random(ssrc)
        self.layers = {
            rid: Stream(
                codec(name),
                ssrc + at,
                sequence=random.randrange(1 << 16),
                timestamp=random.randrange(1 << 32),
                extensions={RID_ID: rid.encode()},
                height=HEIGHTS[rid],
            )
            for at, rid in enumerate(rids)
        }
        self.audio = Stream(codec("opus"), ssrc + 9, sequence=3)
        self._repeated = 0

    def write(self, rid: str, *, is_key: bool = False) -> list[bytes]:
        """The packets of one layer's next frame."""
        packets, size = FRAME[rid]
        return self.layers[rid].frame(is_key=is_key, packets=packets, size=size)

    def frame(self, *, keys: Collection[str] = (), rids: Collection[str] | None = None) -> None:
        """Send the next frame in all layers or some, as key frames where `keys` says."""
        for rid, stream in self.layers.items():
            if rids is None or rid in rids:
                self.room.feed(self.session_id, self.write(rid, is_key=rid in keys))
            else:
                stream.timestamp += 3000
        self.room.wait(FRAME_S)

    def play(self, seconds: float, *, rids: Collection[str] | None = None) -> None:
        """Send frames for a while; key frames follow at once where they were asked for."""
        for _ in range(round(seconds / FRAME_S)):
            self.frame(keys=self.asked(), rids=rids)

    def asked(self) -> set[str]:
        """Layers that key frames were asked of since the last call."""
        ssrcs = {ssrc for _, ssrc in self.room.keyframe_requests_by_track(self.session_id)}
        self.room.feedback.clear()
        return {rid for rid, stream in self.layers.items() if stream.ssrc in ssrcs}

    def report(self, ntp_s: Mapping[str, float] | float) -> None:
        """Send a sender report of each layer: the newest frame was captured at `ntp_s`."""
        for rid, stream in self.layers.items():
            at = ntp_s if isinstance(ntp_s, float) else ntp_s[rid]
            timestamp = stream.timestamp & 0xFFFFFFFF
            data = write_sender_report(stream.ssrc, int(at * 2**32), timestamp, 1, 1)
            self.room.rtcp(self.session_id, data)

    def repeat(self, rid: str, data: bytes, *, is_named: bool = True) -> bytes:
        """The RTX packet of one of a layer's packets."""
        self._repeated += 1
        return retransmission(
            data,
            ssrc=self.layers[rid].ssrc + 0x50,
            sequence=self._repeated,
            rid=rid if is_named else "",
        )
