"""One track toward the server (`UpTrack`) and one track toward a viewer (`DownTrack`).

An UpTrack numbers what arrives without wraparound and measures it. A DownTrack continues one
stream of sequence numbers and timestamps for its viewer, whatever publisher, layer, codec or
cached key frame it is fed from, and remembers where each number came from.
"""

from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from .bandwidth import RateMeter
from .clock import PublisherClock, TrackClock
from .codecs import match_codec
from .description import RtpCodec
from .kernel import Lane
from .keyframes import KeyframeRequester
from .loss import LossRecovery
from .packet_cache import PacketCache
from .payloads import picture_height, plain_vp8, starts_keyframe
from .reception import ReceptionStatistics
from .rtcp import ReportBlock
from .rtp import RtpPacket
from .sequence import unwrap
from .train import Forwardable, Group

_TOO_OLD = 1000
"Packets so far behind the newest are dropped, as libsrtp's replay window of 1024 does."
_MAX_EPOCHS = 8


class UpTrack:
    """What one SSRC of a publisher sends: audio, video, or one layer of it."""

    def __init__(
        self,
        kind: str,
        codec: RtpCodec,
        ssrc: int,
        publisher: PublisherClock,
        keyframe_interval_s: float,
        rid: str = "",
    ) -> None:
        self.kind = kind
        self.codec = codec
        self.ssrc = ssrc
        self.rid = rid
        "Name of the simulcast layer; empty without simulcast."
        self.keyframes = KeyframeRequester(keyframe_interval_s)
        self.cache = PacketCache()
        self.clock = TrackClock(codec.clock_rate, publisher)
        self.loss = LossRecovery()
        self.can_nack = "nack" in codec.feedback
        self.bitrate = RateMeter()
        self.frame_rate = RateMeter()
        self.last_index = -1
        "Highest unwrapped sequence number; -1 before the first packet."
        self.last_timestamp = 0
        self.last_at = 0.0
        self.height: int | None = None
        "Of the picture in pixels, where key frames tell."
        self._keyframe_timestamp: int | None = None
        self._statistics = ReceptionStatistics()

    def receive(self, packet: RtpPacket, now: float) -> tuple[Forwardable, bool] | None:
        """Number and measure one packet.

        Returns:
            The packet to forward and whether a key frame starts with it; None if it is
            too old to be forwarded or came already.
        """
        if self.last_index < 0:
            index, timestamp = packet.sequence + (1 << 16), packet.timestamp + (1 << 32)
        else:
            index = unwrap(packet.sequence, self.last_index, 16)
            timestamp = unwrap(packet.timestamp, self.last_timestamp, 32)
        # A retransmission and its late original must not both go on: viewers' numbers, and
        # with them the nonces, would be used twice.
        if index <= self.last_index - _TOO_OLD or self.cache.find(index) is not None:
            return None
        self._statistics.received(index, timestamp / self.codec.clock_rate, now)
        self.clock.arrived(timestamp, now)
        self.bitrate.add(8 * len(packet.payload), now)
        payload = plain_vp8(packet.payload) if self.codec.name == "VP8" else packet.payload
        forwardable = (index, timestamp, packet.marker, payload)
        if self.kind == "video":
            is_key = self._follow_video(forwardable, now)
        else:
            is_key = False
            self.cache.add(forwardable)
        if index > self.last_index:
            self.last_index, self.last_timestamp, self.last_at = index, timestamp, now
        return forwardable, is_key

    def recover(self, sequence: int, packet: RtpPacket, now: float) -> RtpPacket | None:
        """Turn a retransmission (RFC 4588 §4) of `sequence` back into the packet it repeats.

        Returns:
            None unless it is missing: Chrome probes with copies of what arrived long ago.
        """
        if self.last_index < 0 or len(packet.payload) <= 2:
            return None
        if not self.loss.is_missing(unwrap(sequence, self.last_index, 16)):
            return None
        return RtpPacket(
            self.codec.payload_type,
            packet.marker,
            sequence,
            packet.timestamp,
            self.ssrc,
            {},
            packet.payload[2:],
        )

    def nacks_due(self, now: float, rtt_s: float | None) -> list[int]:
        """Return the sequence numbers to ask the publisher for again."""
        if not self.can_nack:
            return []
        due, has_given_up = self.loss.nacks_due(now, rtt_s)
        if has_given_up:
            self.keyframes.want()
        return [index & 0xFFFF for index in due]

    def _follow_video(self, packet: Forwardable, now: float) -> bool:
        """Keep cache and losses and tell whether `packet` is the first of a key frame."""
        index, timestamp, marker, payload = packet
        if not self.loss.arrived(index, now):
            self.keyframes.want()
        if marker:
            self.frame_rate.add(1, now)
        is_new = self._keyframe_timestamp is None or timestamp > self._keyframe_timestamp
        if is_new and starts_keyframe(self.codec.name, payload):
            self._keyframe_timestamp = timestamp
            self.height = picture_height(self.codec.name, payload) or self.height
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

    def captured_at(self, timestamp: int, arrived_at: float) -> float:
        """Server time of a picture or sound; its arrival while the clocks are not known."""
        captured = self.clock.capture_time(timestamp)
        return arrived_at if captured is None else captured


class Epoch(msgspec.Struct, frozen=True, gc=False):
    """A stretch of a viewer's numbering with constant offsets and one source."""

    first: int
    "Where it begins, in the viewer's unwrapped numbers."
    up: UpTrack
    index_offset: int
    timestamp_offset: int
    find: Callable[[int], Forwardable | None]
    "Looks a packet up by its source's index."

    def age_s(self, packet: Forwardable, now: float) -> float:
        """How long ago a packet of this epoch was new, in seconds."""
        behind = (self.up.last_timestamp - packet[1]) / self.up.codec.clock_rate
        return behind + now - self.up.last_at


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
        self.group: Group | None = None
        "With whom it shares trains while it is attached."
        self._accepted = accepted
        self._matched: tuple[RtpCodec, int | None, int | None] | None = None
        self._next_index = first_index
        self._last_timestamp: int | None = None
        self._last_captured = 0.0
        self._epochs: deque[Epoch] = deque(maxlen=_MAX_EPOCHS)

    def payload_type_for(self, codec: RtpCodec) -> int | None:
        """How this viewer knows a publisher's codec; None if it cannot play it."""
        return self._match(codec)[0]

    def rtx_payload_type_for(self, codec: RtpCodec) -> int | None:
        """How this viewer takes retransmissions of the codec (RFC 4588 §8.1); None if not."""
        return self._match(codec)[1]

    def attach(self, up: UpTrack, first: Forwardable, now: float) -> None:
        """Send `up` from packet `first` on, continuing numbers and time without a gap."""
        self.up = up
        self.floor = first[0]
        self._splice(first, up, now)
        self._begin_epoch(self._next_index, up, up.cache.find)

    def attach_burst(self, up: UpTrack, burst: list[Forwardable], now: float) -> None:
        """Send a burst of restamped cached packets that leads into `up` without a gap."""
        self.up = up
        self._splice(burst[0], up, now)
        self._begin_epoch(self._next_index, up, _finder(burst))
        self.floor = burst[-1][0] + 1
        self._begin_epoch(self.floor + self.lane.index_offset, up, up.cache.find)

    def splice_still(self, still: list[Forwardable], up: UpTrack, now: float) -> None:
        """Prepare the lane for a cached key frame that is sent now and not continued."""
        self._splice(still[0], up, now)
        self._begin_epoch(self._next_index, up, _finder(still))
        self._close(still[-1][0], still[-1][1], now)

    def detach(self) -> None:
        """Stop sending; everything of the current source so far must have been sent."""
        if self.up is not None:
            up = self.up
            self._close(
                up.last_index, up.last_timestamp, up.captured_at(up.last_timestamp, up.last_at)
            )
            self.up = None

    def forget_sent(self) -> None:
        """Send nothing again that was sent so far: it would take room from what matters now."""
        self._epochs.clear()

    def find_sent(self, sequence: int) -> tuple[Epoch, Forwardable] | None:
        """Find what was sent under a 16-bit sequence number.

        Returns:
            The packet and the epoch it was sent in; None if it is too old, was never sent, or
            never came.
        """
        newest = self._next_index - 1
        if self.up is not None:
            newest = self.up.last_index + self.lane.index_offset
        index = unwrap(sequence, newest, 16)
        if index > newest:
            return None
        for epoch in reversed(self._epochs):
            if epoch.first <= index:
                packet = epoch.find(index - epoch.index_offset)
                return None if packet is None else (epoch, packet)
        return None

    def timestamp_at(self, now: float) -> int | None:
        """RTP timestamp of this viewer's stream for server time `now`; None while waiting."""
        if self.up is None:
            return None
        captured = self.up.clock.capture_time(self.up.last_timestamp)
        if captured is None:
            return None
        elapsed = int((now - captured) * self.up.codec.clock_rate)
        return self.up.last_timestamp + elapsed + self.lane.timestamp_offset & 0xFFFFFFFF

    def _begin_epoch(
        self, first: int, up: UpTrack, find: Callable[[int], Forwardable | None]
    ) -> None:
        lane = self.lane
        self._epochs.append(Epoch(first, up, lane.index_offset, lane.timestamp_offset, find))

    def _splice(self, first: Forwardable, up: UpTrack, now: float) -> None:
        self.lane.index_offset = self._next_index - first[0]
        if self._last_timestamp is not None:
            captured = up.captured_at(first[1], now)
            elapsed = max(1, int((captured - self._last_captured) * up.codec.clock_rate))
            self.lane.timestamp_offset = self._last_timestamp + elapsed - first[1]

    def _close(self, index: int, timestamp: int, captured: float) -> None:
        self._next_index = index + self.lane.index_offset + 1
        self._last_timestamp = timestamp + self.lane.timestamp_offset
        self._last_captured = captured

    def _match(self, codec: RtpCodec) -> tuple[int | None, int | None]:
        if self._matched is None or self._matched[0] is not codec:
            matched = match_codec(codec, self._accepted)
            payload_type = None if matched is None else matched.payload_type
            rtx = next(
                (
                    other.payload_type
                    for other in self._accepted
                    if other.name == "rtx" and other.parameters.get("apt") == str(payload_type)
                ),
                None,
            )
            self._matched = (codec, payload_type, rtx)
        return self._matched[1:]


def _finder(packets: list[Forwardable]) -> Callable[[int], Forwardable | None]:
    """Look packets of consecutive indices up."""
    first = packets[0][0]

    def find(index: int) -> Forwardable | None:
        return packets[index - first] if 0 <= index - first < len(packets) else None

    return find
