"""Whatever happens in a room, no viewer's stream breaks the rules that SRTP and players rely on."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)

from media.client_offer import EXTENSIONS
from media.description import RtpCodec
from media.kernel import FanOut
from media.layers import Wish
from media.rtcp import write_nack, write_pli, write_remb
from media.rtp import parse_packet
from tests.support.clock import Clock
from tests.support.media_factories import (
    Room,
    Sent,
    Stream,
    Viewer,
    codec,
    egress_plan,
    ingest_plan,
    with_rtx,
)
from tests.support.simulcast import HEIGHTS, RID_ID, retransmission, simulcast_plan

TWO_FRAMES = 6000
"What reordering among the newest frames may turn back."
FATES = st.sampled_from(["arrives"] * 4 + ["late", "late", "lost"])
RIDS = ("l", "m", "h")
RECENT = 80
"Packets of a publisher that may be repeated: some arrived, some did not."
WISHES = st.builds(
    Wish,
    rid=st.sampled_from([None, None, "l", "m", "h", "x"]),
    max_height=st.sampled_from([None, 180, 720]),
    is_audio_only=st.sampled_from([False, False, False, True]),
)


@dataclass
class Host:
    """A publisher and packets that are on the way, to arrive late."""

    session_id: str
    layers: dict[str, Stream]
    audio: Stream
    codecs: list[RtpCodec]
    has_audio: bool
    held: list[bytes] = field(default_factory=list)
    recent: list[tuple[str, bytes]] = field(default_factory=list)
    "Newest packets of the picture with the layer they belong to."
    repeated: int = 0

    def write(self, rid: str, *, is_key: bool, packets: int) -> list[bytes]:
        """The next frame of a layer."""
        frame = self.layers[rid].frame(is_key=is_key, packets=packets)
        self.recent = [*self.recent, *((rid, data) for data in frame)][-RECENT:]
        return frame


@dataclass
class Wire:
    """What one track of one viewer has been sent."""

    content: dict[int, Sent] = field(default_factory=dict)
    newest: Sent | None = None


class Socket:
    """Looks at every datagram: one number, one content, to the last bit."""

    def __init__(self) -> None:
        self.contents: dict[tuple[int, int], bytes] = {}

    def sendmsg(
        self, buffers: Sequence[bytes], ancillary: Sequence[tuple[int, int, bytes]], _: int, to: Any
    ) -> int:
        data = b"".join(buffers)
        size = struct.unpack("=H", ancillary[0][2])[0] if ancillary else len(data)
        for at in range(0, len(data), size):
            datagram = data[at : at + size]
            sequence, _timestamp, ssrc = struct.unpack_from(">HII", datagram, 2)
            content = self.contents.setdefault((ssrc, sequence), datagram)
            assert content == datagram, "a nonce meets two contents"
        return len(data)


class RoomRules(RuleBasedStateMachine):
    """Random lives of a room; `is_orderly` ones have a network that neither loses nor reorders."""

    publishers: Bundle[Host] = Bundle("publishers")
    viewers: Bundle[Viewer] = Bundle("viewers")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.room = Room(self.clock, check=self.check, fan_out=FanOut(Socket().sendmsg))
        self.wires: dict[tuple[str, str], Wire] = {}
        self.count = 0
        self.codec_changes = 0
        self.is_orderly = True

    @initialize(is_orderly=st.booleans())
    def choose_network(self, is_orderly: bool) -> None:
        self.is_orderly = is_orderly

    @initialize(target=publishers, sequence=st.integers(0, 65535))
    def begin_with_a_host(self, sequence: int) -> Host:
        return self.admit("host", ["VP8", "H264"], sequence)

    @initialize(target=viewers)
    def begin_with_a_viewer(self) -> Viewer:
        return self.admit_viewer(["VP8", "H264"], 7, has_rtx=True)

    @initialize(target=viewers)
    def begin_with_a_viewer_without_rtx(self) -> Viewer:
        return self.admit_viewer(["VP8", "H264"], 9, has_rtx=False)

    # ---- what may happen ----------------------------------------------------------------

    @rule(
        target=publishers,
        source=st.sampled_from(["host", "demo"]),
        names=st.sampled_from([["VP8", "H264"], ["H264"], ["VP8"], [], ["layers"], ["layers"]]),
        sequence=st.integers(0, 65535),
    )
    def publish(self, source: str, names: list[str], sequence: int) -> Host:
        return self.admit(source, names, sequence)

    def admit(self, source: str, names: list[str], sequence: int) -> Host:
        self.count += 1
        has_layers = names == ["layers"]
        codecs = [codec(name) for name in (["VP8"] if has_layers else names)]
        has_audio = len(names) != 1 or has_layers
        video = with_rtx(codecs) if codecs else ()
        plan = ingest_plan(audio=[codec("opus")] if has_audio else [], video=video)
        if has_layers:
            plan = simulcast_plan()
        session_id = f"p{self.count}"
        self.room.publish(session_id, "host" if source == "host" else "demo", plan)
        ssrc, timestamp = 16 * self.count, (sequence << 17) % (1 << 32)
        layers = {
            rid: Stream(
                codecs[0] if codecs else codec("VP8"),
                ssrc + at,
                sequence=sequence + 7000 * at,
                timestamp=(timestamp * (at + 3)) % (1 << 32),
                extensions={RID_ID: rid.encode()} if rid else None,
                height=HEIGHTS.get(rid, 0),
            )
            for at, rid in enumerate(RIDS if has_layers else ("",))
        }
        audio = Stream(codec("opus"), ssrc + 8, sequence=sequence, timestamp=timestamp)
        return Host(session_id, layers, audio, codecs, has_audio)

    @precondition(lambda self: len(self.room.forwarder.publishers) > 1)
    @rule(host=consumes(publishers))
    def unpublish(self, host: Host) -> None:
        self.room.unpublish(host.session_id)

    @rule(
        target=viewers,
        names=st.sampled_from([["VP8", "H264"], ["H264", "VP8", "AV1"], ["H264"], []]),
        first_index=st.integers(0, 32767),
        has_rtx=st.booleans(),
    )
    def watch(self, names: list[str], first_index: int, has_rtx: bool) -> Viewer:
        return self.admit_viewer(names, first_index, has_rtx=has_rtx)

    def admit_viewer(self, names: list[str], first_index: int, *, has_rtx: bool) -> Viewer:
        self.count += 1
        video = [codec(name, 100 + at) for at, name in enumerate(names)]
        plan = egress_plan(video=video, has_rtx=has_rtx, extensions=EXTENSIONS)
        return self.room.watch(f"v{self.count}", plan, first_index=first_index)

    @precondition(lambda self: len(self.room.viewers) > 2)
    @rule(viewer=consumes(viewers))
    def leave(self, viewer: Viewer) -> None:
        self.room.leave(viewer.session_id)

    @rule(viewer=viewers)
    def ask_for_keyframe(self, viewer: Viewer) -> None:
        self.room.rtcp(viewer.session_id, write_pli(1, 2))

    @rule(
        viewer=viewers,
        sent=st.lists(st.floats(0, 1), min_size=4, max_size=20),
        others=st.lists(st.integers(-3, 60) | st.integers(0, 65535), max_size=5),
    )
    def lose(self, viewer: Viewer, sent: list[float], others: list[int]) -> None:
        """A viewer asks again for numbers new and old, sent and never sent."""
        lane = viewer.lanes.get("video")
        if lane is not None:
            numbers = [*self.wires.get((viewer.session_id, "video"), Wire()).content] or [0]
            lost = [numbers[int(one * (len(numbers) - 1))] for one in sent]
            lost += [numbers[-1] - back for back in others]
            data = write_nack(1, lane.ssrc, [number & 0xFFFF for number in lost])
            self.room.rtcp(viewer.session_id, data)

    @rule(viewer=viewers, bps=st.sampled_from([50_000, 300_000, 5_000_000]))
    def report_bandwidth(self, viewer: Viewer, bps: int) -> None:
        self.room.rtcp(viewer.session_id, write_remb(1, bps, [2]))

    @rule(viewer=viewers, wish=WISHES)
    def wish(self, viewer: Viewer, wish: Wish) -> None:
        self.room.forwarder.select_layer(viewer.session_id, wish, self.clock.now)
        self.room.settle()

    @rule(host=publishers, which=st.lists(st.integers(0, RECENT - 1), min_size=1, max_size=8))
    def repeat(self, host: Host, which: list[int]) -> None:
        """RTX packets come: for what was lost, and probes with copies of what was not."""
        for rid, data in (host.recent[at] for at in which if at < len(host.recent)):
            if parse_packet(data).payload_type != host.layers[rid].codec.payload_type:
                continue
            host.repeated += 1
            ssrc = host.layers[rid].ssrc + 0x5000
            payload_type = 30 + host.codecs.index(host.layers[rid].codec)
            again = retransmission(
                data, payload_type=payload_type, ssrc=ssrc, sequence=host.repeated, rid=rid
            )
            self.room.feed(host.session_id, [again])

    @rule(host=publishers, which=st.lists(st.integers(0, RECENT - 1), min_size=1, max_size=8))
    def arrive_twice(self, host: Host, which: list[int]) -> None:
        """Packets come again, or at last."""
        copies = [host.recent[at][1] for at in which if at < len(host.recent)]
        self.room.feed(host.session_id, copies)

    @rule(
        host=publishers,
        rids=st.sets(st.sampled_from(RIDS)),
        keys=st.sampled_from(["K", "KDD", "DDD", "DKD", "KKD", "DD"]),
        packets=st.integers(1, 4),
        fates=st.lists(FATES, min_size=12, max_size=12),
        in_one_drain=st.booleans(),
    )
    def send_frames(
        self,
        host: Host,
        rids: set[str],
        keys: str,
        packets: int,
        fates: list[str],
        in_one_drain: bool,
    ) -> None:
        """All layers but `rids` send; in layers, those of a key frame's place are key frames."""
        sending = [rid for rid in host.layers if rid not in rids] if host.codecs else []
        frames = [
            [
                data
                for rid in sending
                for data in host.write(rid, is_key=key == "K", packets=packets)
            ]
            for key in keys
        ]
        if in_one_drain:
            frames = [[packet for frame in frames for packet in frame]]
        for at, frame in enumerate(frames):
            self.transmit(host, frame, fates[4 * at :])
            self.clock.advance(1 / 30)

    @rule(host=publishers, frames=st.integers(3, 12), packets=st.integers(1, 3))
    def play(self, host: Host, frames: int, packets: int) -> None:
        """A while without accidents; key frames come where they were asked for."""
        for at in range(frames if host.codecs else 0):
            asked = self.room.keyframe_requests_by_track(host.session_id)
            ssrcs = {ssrc for when, ssrc in asked if self.clock.now - when < 0.1}
            for rid, stream in host.layers.items():
                is_key = at == 0 or stream.ssrc in ssrcs
                self.room.feed(host.session_id, host.write(rid, is_key=is_key, packets=packets))
            self.room.wait(1 / 30)

    @rule(host=publishers, packets=st.integers(1, 8), fates=st.lists(FATES, min_size=8, max_size=8))
    def send_sound(self, host: Host, packets: int, fates: list[str]) -> None:
        if host.has_audio:
            self.transmit(host, [host.audio.sound() for _ in range(packets)], fates)

    @rule(host=publishers)
    def change_codec(self, host: Host) -> None:
        if len(host.codecs) == 2 and not host.held:
            video = host.layers[""]
            video.codec = host.codecs[video.codec is host.codecs[0]]
            self.codec_changes += 1
            host.recent.clear()

    @rule(host=publishers)
    def held_packets_arrive(self, host: Host) -> None:
        late, host.held = host.held, []
        self.room.feed(host.session_id, late)

    @rule(seconds=st.sampled_from([0.001, 0.05, 0.5, 1.5, 4.0]))
    def wait(self, seconds: float) -> None:
        self.room.wait(seconds)

    def transmit(self, host: Host, packets: list[bytes], fates: list[str]) -> None:
        if self.is_orderly:
            self.room.feed(host.session_id, packets)
            return
        fates = [*fates, *["arrives"] * len(packets)]
        pairs = list(zip(packets, fates, strict=False))
        host.held += [packet for packet, fate in pairs if fate == "late"]
        self.room.feed(host.session_id, [packet for packet, fate in pairs if fate == "arrives"])

    # ---- what must hold -----------------------------------------------------------------

    def check(self, viewer: Viewer, kind: str, sent: Sent) -> None:
        wire = self.wires.setdefault((viewer.session_id, kind), Wire())
        assert viewer.session_id in self.room.viewers, "sent to one who left"
        assert sent.index >= 0
        tracks = {track.kind: track for track in viewer.plan.tracks}
        accepted = {
            one.payload_type
            for one in tracks["video" if kind == "rtx" else kind].codecs
            if (one.name == "rtx") == (kind == "rtx")
        }
        assert sent.payload_type in accepted, "a payload type the viewer never accepted"
        earlier = wire.content.setdefault(sent.index, sent)
        if earlier is not sent:
            assert kind == "video", "a nonce is used twice"
            assert viewer.rtx_lane is None, "a nonce is used twice"
            assert msgspec.structs.replace(earlier, at=sent.at) == sent
            return
        if kind == "rtx":
            self.check_repeat(viewer, wire, sent)
        else:
            self.check_order(wire, sent)
        if wire.newest is None or sent.index > wire.newest.index:
            wire.newest = sent

    def check_repeat(self, viewer: Viewer, wire: Wire, sent: Sent) -> None:
        """A retransmission repeats what was sent under its number, if it was sent at all."""
        assert wire.newest is None or sent.index == wire.newest.index + 1
        number = int.from_bytes(sent.payload[:2], "big")
        originals = self.wires[viewer.session_id, "video"].content.values()
        original = next((one for one in originals if one.index & 0xFFFF == number), None)
        if original is not None:
            assert (sent.payload[2:], sent.marker) == (original.payload, original.marker)
            assert sent.timestamp == original.timestamp
        else:
            assert not self.is_orderly, "repeated though never sent"

    def check_order(self, wire: Wire, sent: Sent) -> None:
        newest = wire.newest
        if newest is not None and self.is_orderly:
            assert sent.index == newest.index + 1, "a number is left out or goes back"
            assert sent.timestamp >= newest.timestamp, "time goes back"
        elif newest is not None and sent.index > newest.index:
            assert sent.timestamp >= newest.timestamp - TWO_FRAMES, "time goes back"

    @invariant()
    def requests_are_not_a_storm(self) -> None:
        """Another codec is another track, which may be asked at once: so often, and no more."""
        too_soon = 0
        for publisher in self.room.forwarder.publishers.values():
            asked: dict[int, float] = {}
            for at, ssrc in self.room.keyframe_requests_by_track(publisher.session_id):
                too_soon += at - asked.get(ssrc, -9.0) < 1.0 - 1e-9
                asked[ssrc] = at
        assert too_soon <= self.codec_changes

    @invariant()
    def nothing_waits_without_a_timer(self) -> None:
        due = self.room.forwarder.get_flush_timer()
        assert due is None or due <= self.clock.now + 0.002

    @invariant()
    def starts_and_stops_alternate_in_sense(self) -> None:
        """A stop names the publisher that was told to have started last, and only once."""
        current: str | None = None
        for event in self.room.events:
            name = type(event).__name__
            if name == "MediaStarted":
                assert event.session_id != current
                current = event.session_id
            else:
                assert (name, event.session_id) == ("MediaStopped", current)
                current = None
        if current is not None and not self.room.forwarder.publishers:
            raise AssertionError("nobody was told of the end")


TestRoom = RoomRules.TestCase
TestRoom.settings = settings(
    max_examples=120,
    stateful_step_count=50,
    deadline=None,
    phases=list(set(Phase) - {Phase.shrink}),
)
