"""Makers of what the media plane works on: plans, frames as packets, lanes, a room in a jar."""

import struct
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec
from pylibsrtp import Policy
from pylibsrtp import Session as SrtpSession

from media.client_offer import CODECS, EXTENSIONS
from media.description import Fingerprint, RtpCodec
from media.events import MediaEvent, Source
from media.forwarder import Forwarder
from media.kernel import Address, FanOut, GcmKeys, Lane, derive_gcm_keys
from media.negotiation import EgressPlan, IngestPlan, PlannedTrack, TransportPlan
from media.publisher import Publisher
from media.rtcp import PictureLossIndication, RtcpPacket, parse_compound
from media.rtp import RtpPacket, write_packet
from media.subscriber import Subscriber
from media.train import Train
from tests.support.clock import Clock

Profile = Literal["gcm", "sha1"]
TRANSPORT = TransportPlan("peer", "p" * 22, (Fingerprint("sha-256", "AB:CD"),), "server")
VIDEO_CODECS = ("VP8", "H264", "VP9", "AV1")
_EVERY_VIDEO_CODEC = tuple(CODECS[name] for name in VIDEO_CODECS)
KEYS = derive_gcm_keys(bytes(range(28)))


def codec(name: str, payload_type: int | None = None) -> RtpCodec:
    """A codec as Chromium offers it, under another payload type if given."""
    known = CODECS[name]
    return (
        known if payload_type is None else msgspec.structs.replace(known, payload_type=payload_type)
    )


def with_rtx(codecs: Sequence[RtpCodec]) -> tuple[RtpCodec, ...]:
    """Codecs and a retransmission format for each (RFC 4588 §8.1), payload types from 30 on."""
    repairs = (
        RtpCodec(30 + at, "rtx", 90000, 1, {"apt": str(one.payload_type)}, ())
        for at, one in enumerate(codecs)
    )
    return (*codecs, *repairs)


def _tracks(
    audio: Sequence[RtpCodec], video: Sequence[RtpCodec], extensions: dict[str, int]
) -> tuple[PlannedTrack, ...]:
    kinds = (("audio", tuple(audio)), ("video", tuple(video)))
    return tuple(
        PlannedTrack(kind, str(index), index, codecs, extensions)
        for index, (kind, codecs) in enumerate(kinds)
        if codecs
    )


def ingest_plan(
    *,
    audio: Sequence[RtpCodec] = (CODECS["opus"],),
    video: Sequence[RtpCodec] = (CODECS["VP8"],),
    extensions: dict[str, int] = EXTENSIONS,
) -> IngestPlan:
    """What is agreed with a publisher; leave a kind empty to leave it out."""
    return IngestPlan(TRANSPORT, _tracks(audio, video, extensions), {})


def egress_plan(
    *,
    audio: Sequence[RtpCodec] = (CODECS["opus"],),
    video: Sequence[RtpCodec] = _EVERY_VIDEO_CODEC,
    extensions: dict[str, int] | None = None,
    has_rtx: bool = True,
) -> EgressPlan:
    """What is agreed with a viewer, who plays every codec unless told otherwise."""
    video = with_rtx(video) if has_rtx else video
    return EgressPlan(TRANSPORT, _tracks(audio, video, extensions or {}))


# ---- frames ---------------------------------------------------------------------------------


def first_payload(name: str, *, is_key: bool, height: int = 0) -> bytes:
    """The first packet's payload of a frame, as short as the codec's format allows.

    With a `height` VP8 key frames tell it (RFC 6386 §9.1).
    """
    if name == "VP8" and is_key and height:
        return b"\x10\x00\x00\x00\x9d\x01\x2a\x00\x00" + height.to_bytes(2, "little")
    return {
        "opus": b"\xf8sound",
        "VP8": b"\x10\x00key" if is_key else b"\x10\x01delta",
        "H264": b"\x7c\x85key" if is_key else b"\x7c\x81delta",
        "VP9": b"\x08key" if is_key else b"\x48delta",
        "AV1": b"\x18key" if is_key else b"\x10delta",
    }[name]


def next_payload(name: str) -> bytes:
    """The payload of a frame's later packets."""
    return {"VP8": b"\x00\x00", "H264": b"\x7c\x05", "VP9": b"\x00\x00", "AV1": b"\x90\x00"}[name]


class Stream:
    """Writes one SSRC's packets; content differs from packet to packet."""

    def __init__(
        self,
        used: RtpCodec,
        ssrc: int,
        *,
        sequence: int = 65500,
        timestamp: int = 0xFFFF0000,
        extensions: dict[int, bytes] | None = None,
        height: int = 0,
    ) -> None:
        """The numbers begin shortly before they wrap."""
        self.extensions = extensions or {}
        self.height = height
        self.codec = used
        self.ssrc = ssrc
        self.sequence = sequence
        self.timestamp = timestamp
        self.sent = 0

    def frame(
        self, *, is_key: bool = False, packets: int = 3, step_s: float = 1 / 30, size: int = 0
    ) -> list[bytes]:
        """The packets of the next frame, marker on the last."""
        self.timestamp += round(step_s * self.codec.clock_rate)
        return [
            self._write(
                first_payload(self.codec.name, is_key=is_key, height=self.height)
                if at == 0
                else next_payload(self.codec.name),
                marker=at == packets - 1,
                size=size,
            )
            for at in range(packets)
        ]

    def sound(self, step_s: float = 0.02) -> bytes:
        """The next audio packet."""
        self.timestamp += round(step_s * self.codec.clock_rate)
        return self._write(first_payload("opus", is_key=False), marker=False, size=0)

    def _write(self, start: bytes, *, marker: bool, size: int) -> bytes:
        self.sent += 1
        payload = start + struct.pack(">II", self.ssrc, self.sent)
        packet = RtpPacket(
            payload_type=self.codec.payload_type,
            marker=marker,
            sequence=self.sequence & 0xFFFF,
            timestamp=self.timestamp & 0xFFFFFFFF,
            ssrc=self.ssrc,
            extensions=self.extensions,
            payload=payload + bytes(max(0, size - len(payload))),
        )
        self.sequence += 1
        return write_packet(packet)


# ---- the wire -------------------------------------------------------------------------------


class Wire:
    """Stands in for a UDP socket's `sendmsg`; cuts segmented sends as Linux does.

    Unlike a socket it takes everything, unless `errors` holds what the next calls shall raise
    (None lets one through).
    """

    def __init__(self) -> None:
        self.errors: deque[OSError | None] = deque()
        self.attempts: list[list[bytes]] = []
        "Datagrams of every call, refused ones too."
        self.datagrams: list[tuple[Address, bytes]] = []
        "What went out."

    def sendmsg(
        self, buffers: Sequence[bytes], ancillary: Sequence[tuple[int, int, bytes]], _: int, to: Any
    ) -> int:
        """Take one call."""
        data = b"".join(buffers)
        size = len(data)
        if ancillary:
            ((_level, _option, value),) = ancillary
            (size,) = struct.unpack("=H", value)
        datagrams = [data[at : at + size] for at in range(0, len(data), size)]
        self.attempts.append(datagrams)
        error = self.errors.popleft() if self.errors else None
        if error is not None:
            raise error
        self.datagrams += [(to, datagram) for datagram in datagrams]
        return len(data)


def srtp_session(master: bytes, profile: Profile, *, inbound: bool) -> SrtpSession:
    """Libsrtp's session of one direction, as aiortc makes it."""
    policy = Policy(
        key=master,
        ssrc_type=Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND,
        srtp_profile={
            "gcm": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
            "sha1": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
        }[profile],
    )
    policy.allow_repeat_tx = True
    policy.window_size = 1024
    return SrtpSession(policy)


def make_lane(ssrc: int = 0x1234, keys: GcmKeys = KEYS, port: int = 5000) -> Lane:
    """A lane of the GCM profile."""
    return Lane(ssrc, ("192.0.2.1", port), keys, None)


# ---- a room in a jar --------------------------------------------------------------------------


class Sent(msgspec.Struct, frozen=True):
    """A packet as the room handed it over for one lane, numbers unwrapped."""

    index: int
    timestamp: int
    payload_type: int
    marker: bool
    payload: bytes
    at: float


class Viewer:
    """A subscriber and what it was sent, by kind, in order."""

    def __init__(self, session_id: str, plan: EgressPlan, ssrc: int, first_index: int) -> None:
        lanes = {track.kind: make_lane(ssrc + at) for at, track in enumerate(plan.tracks)}
        has_rtx = any(one.name == "rtx" for track in plan.tracks for one in track.codecs)
        self.session_id = session_id
        self.plan = plan
        self.lanes = lanes
        self.rtx_lane = make_lane(ssrc + 8) if has_rtx or "video" not in lanes else None
        self.subscriber = Subscriber(
            session_id,
            plan,
            lanes,
            rtx_lane=self.rtx_lane,
            cname="server",
            first_index=first_index,
        )
        self.sent: dict[str, list[Sent]] = {track.kind: [] for track in plan.tracks}
        self.repeated: list[Sent] = []
        "What came as retransmission (RTX)."

    @property
    def video(self) -> list[Sent]:
        """What came for the video track."""
        return self.sent["video"]

    @property
    def audio(self) -> list[Sent]:
        """What came for the audio track."""
        return self.sent["audio"]


class Room:
    """A forwarder driven as its contract says, in virtual time; records what leaves."""

    def __init__(
        self,
        clock: Clock,
        *,
        check: Callable[[Viewer, str, Sent], None] | None = None,
        fan_out: FanOut | None = None,
    ) -> None:
        """`check` sees each packet for a viewer before it is recorded; kind is `rtx` for repeats.

        With a `fan_out` packets are sealed and sent as well.
        """
        self.clock = clock
        self._fan_out = fan_out
        self.forwarder = Forwarder("r", self._send, away_after_s=2.0, gather_s=0.002)
        self.forwarder.wall_offset = 1_700_000_000.0
        self.viewers: dict[str, Viewer] = {}
        self.events: list[MediaEvent] = []
        self.feedback: list[tuple[float, str, RtcpPacket]] = []
        self.reports: list[tuple[str, RtcpPacket]] = []
        self.to_close: list[str] = []
        self.trains: list[Train] = []
        self._check = check
        self._by_ssrc: dict[int, tuple[Viewer, str]] = {}
        self._order = 0

    def publish(
        self, session_id: str, source: Source = "host", plan: IngestPlan | None = None
    ) -> Publisher:
        """Let a publisher connect."""
        self._order += 1
        publisher = Publisher(
            session_id,
            source,
            plan or ingest_plan(),
            sender_ssrc=99,
            keyframe_interval_s=1.0,
            order=self._order,
        )
        self.forwarder.add_publisher(publisher)
        self.settle()
        return publisher

    def unpublish(self, session_id: str) -> None:
        """Let a publisher go."""
        self.forwarder.remove_publisher(session_id, self.clock.now)
        self.settle()

    def watch(
        self, session_id: str, plan: EgressPlan | None = None, *, first_index: int = 7
    ) -> Viewer:
        """Let a viewer connect."""
        ssrc = 0x5000 + 16 * len(self._by_ssrc)
        viewer = Viewer(session_id, plan or egress_plan(), ssrc, first_index)
        self.viewers[session_id] = viewer
        for kind, lane in viewer.lanes.items():
            self._by_ssrc[lane.ssrc] = (viewer, kind)
        if viewer.rtx_lane is not None:
            self._by_ssrc[viewer.rtx_lane.ssrc] = (viewer, "rtx")
        self.forwarder.add_subscriber(viewer.subscriber, self.clock.now)
        self.settle()
        return viewer

    def leave(self, session_id: str) -> None:
        """Let a viewer go."""
        self.forwarder.remove_subscriber(session_id)
        del self.viewers[session_id]
        self.settle()

    def feed(self, session_id: str, packets: Sequence[bytes]) -> None:
        """Let RTP arrive from a publisher."""
        self.forwarder.handle_rtp(session_id, list(packets), self.clock.now)
        self.settle()

    def rtcp(self, session_id: str, data: bytes) -> None:
        """Let RTCP arrive from anybody."""
        self.forwarder.handle_rtcp(session_id, data, self.clock.now)
        self.settle()

    def wait(self, seconds: float) -> None:
        """Let time pass in ticks of 100 ms, as the owner's timer does."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.clock.advance(min(0.1, end - self.clock.now))
            self.forwarder.handle_timer(self.clock.now)
            for session_id, data in self.forwarder.reports_to_send(self.clock.now):
                self.reports += [(session_id, packet) for packet in parse_compound(data)]
            self.settle()

    def settle(self) -> None:
        """Drain everything that the last input brought about."""
        now = self.clock.now
        self.forwarder.flush(now)
        for session_id, data in self.forwarder.feedback_to_send(now):
            self.feedback += [(now, session_id, packet) for packet in parse_compound(data)]
        while (event := self.forwarder.next_event()) is not None:
            self.events.append(event)
        self.to_close += self.forwarder.sessions_to_close()

    def keyframe_requests(self, session_id: str) -> list[float]:
        """When the publisher was asked for a key frame."""
        return [at for at, _ in self.keyframe_requests_by_track(session_id)]

    def keyframe_requests_by_track(self, session_id: str) -> list[tuple[float, int]]:
        """When the publisher was asked for a key frame, and of which SSRC."""
        return [
            (at, packet.media_ssrc)
            for at, asked, packet in self.feedback
            if asked == session_id and isinstance(packet, PictureLossIndication)
        ]

    def _send(self, train: Train) -> None:
        self.trains.append(train)
        if self._fan_out is not None:
            self._fan_out.forward(train)
        for lane in train.lanes:
            viewer, kind = self._by_ssrc[lane.ssrc]
            for index, timestamp, marker, payload in train.packets:
                sent = Sent(
                    index + lane.index_offset,
                    timestamp + lane.timestamp_offset,
                    train.payload_type,
                    marker,
                    payload,
                    self.clock.now,
                )
                if self._check is not None:
                    self._check(viewer, kind, sent)
                (viewer.repeated if kind == "rtx" else viewer.sent[kind]).append(sent)
                lane.packets += 1
                lane.octets += len(payload)
