"""One track toward the server (`UpTrack`) and one track toward a viewer (`DownTrack`).

An UpTrack numbers what arrives without wraparound and measures it. A DownTrack continues one
stream of sequence numbers and timestamps for its viewer, whatever publisher, codec or cached
key frame it is fed from.
"""

from collections.abc import Sequence

from .bandwidth import RateMeter
from .clock import PublisherClock, TrackClock
from .kernel import Lane
from .keyframes import KeyframeRequester
from .negotiation import match_codec
from .packet_cache import PacketCache
from .payloads import starts_keyframe
from .rtcp import ReportBlock
from .rtp import RtpPacket
from .sdp import RtpCodec
from .sequence import unwrap
from .train import Forwardable

_TOO_OLD = 1000
"Packets so far behind the newest are dropped, as libsrtp's replay window of 1024 does."


class UpTrack:
    """What one SSRC of a publisher sends."""

    def __init__(
        self,
        kind: str,
        codec: RtpCodec,
        ssrc: int,
        publisher: PublisherClock,
        keyframe_interval_s: float,
    ) -> None:
        self.kind = kind
        self.codec = codec
        self.ssrc = ssrc
        self.keyframes = KeyframeRequester(keyframe_interval_s)
        self.cache = PacketCache()
        self.clock = TrackClock(codec.clock_rate, publisher)
        self.bitrate = RateMeter()
        self.frame_rate = RateMeter()
        self.last_index = -1
        "Highest unwrapped sequence number; -1 before the first packet."
        self.last_timestamp = 0
        self.last_at = 0.0
        self._keyframe_timestamp: int | None = None
        self._statistics = _ReceptionStatistics()

    def receive(self, packet: RtpPacket, now: float) -> tuple[Forwardable, bool] | None:
        """Number and measure one packet.

        Returns:
            The packet to forward and whether a key frame starts with it; None if it is
            too old to be forwarded.
        """
        if self.last_index < 0:
            index, timestamp = packet.sequence + (1 << 16), packet.timestamp + (1 << 32)
            self._statistics.start(index)
        else:
            index = unwrap(packet.sequence, self.last_index, 16)
            timestamp = unwrap(packet.timestamp, self.last_timestamp, 32)
        if index <= self.last_index - _TOO_OLD:
            return None
        self._statistics.received(index, timestamp / self.codec.clock_rate, now)
        self.clock.arrived(timestamp, now)
        self.bitrate.add(8 * len(packet.payload), now)
        forwardable = (index, timestamp, packet.marker, packet.payload)
        is_key = self._follow_keyframe(forwardable, now) if self.kind == "video" else False
        if index > self.last_index:
            self.last_index, self.last_timestamp, self.last_at = index, timestamp, now
        return forwardable, is_key

    def _follow_keyframe(self, packet: Forwardable, now: float) -> bool:
        """Keep the cache and tell whether `packet` is the first of a key frame."""
        _, timestamp, marker, payload = packet
        if marker:
            self.frame_rate.add(1, now)
        if timestamp != self._keyframe_timestamp and starts_keyframe(self.codec.name, payload):
            self._keyframe_timestamp = timestamp
            self.keyframes.keyframe_started()
            self.cache.start(packet, now)
            return True
        self.cache.add(packet)
        return False

    def loss_fraction(self) -> float:
        """Share of packets lost between the last two reports, 0..1."""
        return self._statistics.fraction

    def report_block(self, now: float) -> ReportBlock:
        """Make a report block on this track (RFC 3550 §6.4.1); starts a new interval."""
        return self._statistics.report(self.ssrc, self.codec.clock_rate, now)

    def sender_report(self, ntp: int, rtp_timestamp: int, now: float) -> None:
        """Take the publisher's sender report for this track."""
        self._statistics.sender_report(ntp, now)
        if self.last_index >= 0:
            self.clock.sender_report(ntp, rtp_timestamp, self.last_timestamp)


class _ReceptionStatistics:
    """Loss and jitter as receiver reports tell them (RFC 3550 appendix A.3 and A.8)."""

    def __init__(self) -> None:
        self.fraction = 0.0
        self._base = 0
        self._highest = 0
        self._received = 0
        self._expected_before = 0
        self._received_before = 0
        self._jitter_s = 0.0
        self._transit: float | None = None
        self._last_report: tuple[int, float] | None = None

    def start(self, index: int) -> None:
        self._base = self._highest = index

    def received(self, index: int, media_s: float, now: float) -> None:
        self._received += 1
        self._highest = max(self._highest, index)
        transit = now - media_s
        if self._transit is not None:
            self._jitter_s += (abs(transit - self._transit) - self._jitter_s) / 16
        self._transit = transit

    def sender_report(self, ntp: int, now: float) -> None:
        self._last_report = (ntp >> 16 & 0xFFFFFFFF, now)

    def report(self, ssrc: int, clock_rate: int, now: float) -> ReportBlock:
        expected = self._highest - self._base + 1 if self._received else 0
        interval = expected - self._expected_before
        lost = max(0, interval - (self._received - self._received_before))
        self._expected_before, self._received_before = expected, self._received
        self.fraction = lost / interval if interval > 0 else 0.0
        middle, at = self._last_report or (0, now)
        return ReportBlock(
            ssrc=ssrc,
            fraction_lost=min(255, int(self.fraction * 256)),
            packets_lost=max(-0x800000, min(0x7FFFFF, expected - self._received)),
            highest_sequence=self._highest & 0xFFFFFFFF,
            jitter=int(self._jitter_s * clock_rate) & 0xFFFFFFFF,
            lsr=middle,
            dlsr=int((now - at) * 65536) & 0xFFFFFFFF,
        )


class DownTrack:
    """One audio or video track of one viewer.

    `attach` starts or continues the stream with a given packet; the lane's offsets then hold
    for everything after it. `detach` freezes the numbering until the next attach.
    """

    def __init__(
        self, kind: str, accepted: Sequence[RtpCodec], lane: Lane, first_index: int
    ) -> None:
        """Make a track for the codecs a viewer accepted; numbering begins at `first_index`."""
        self.kind = kind
        self.lane = lane
        self.up: UpTrack | None = None
        "The track it is attached to, that is, being sent; None while waiting."
        self.floor = 0
        "Packets of `up` below this index are not for this viewer: sent before it came, or twice."
        self._accepted = accepted
        self._next_index = first_index
        self._last_timestamp: int | None = None
        self._last_at = 0.0

    def payload_type_for(self, codec: RtpCodec) -> int | None:
        """How this viewer knows a publisher's codec; None if it cannot play it."""
        matched = match_codec(codec, self._accepted)
        return None if matched is None else matched.payload_type

    def attach(self, up: UpTrack, first: Forwardable, now: float) -> None:
        """Send `up` from packet `first` on, continuing numbers and time without a gap."""
        self.up = up
        self.floor = first[0]
        self._splice(first[0], first[1], up.codec.clock_rate, now)

    def splice_burst(self, packets: list[Forwardable], clock_rate: int, now: float) -> None:
        """Prepare the lane for cached packets that are sent now and not continued."""
        self._splice(packets[0][0], packets[0][1], clock_rate, now)
        self._close(packets[-1][0], packets[-1][1], now)

    def detach(self) -> None:
        """Stop sending; everything of the current source so far must have been sent."""
        if self.up is not None:
            self._close(self.up.last_index, self.up.last_timestamp, self.up.last_at)
            self.up = None

    def timestamp_at(self, now: float) -> int | None:
        """RTP timestamp of this viewer's stream for server time `now`; None while waiting."""
        if self.up is None:
            return None
        captured = self.up.clock.capture_time(self.up.last_timestamp)
        if captured is None:
            return None
        elapsed = int((now - captured) * self.up.codec.clock_rate)
        return self.up.last_timestamp + elapsed + self.lane.timestamp_offset & 0xFFFFFFFF

    def _splice(self, index: int, timestamp: int, clock_rate: int, now: float) -> None:
        self.lane.index_offset = self._next_index - index
        if self._last_timestamp is not None:
            elapsed = max(1, int((now - self._last_at) * clock_rate))
            self.lane.timestamp_offset = self._last_timestamp + elapsed - timestamp

    def _close(self, index: int, timestamp: int, at: float) -> None:
        self._next_index = index + self.lane.index_offset + 1
        self._last_timestamp = timestamp + self.lane.timestamp_offset
        self._last_at = at
