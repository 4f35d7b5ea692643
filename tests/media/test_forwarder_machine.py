"""Whatever happens in a room, no viewer's stream breaks the rules that SRTP and players rely on."""

from dataclasses import dataclass, field

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
)

from media.description import RtpCodec
from media.rtcp import write_pli
from tests.support.clock import Clock
from tests.support.media_factories import (
    Room,
    Sent,
    Stream,
    Viewer,
    codec,
    egress_plan,
    ingest_plan,
)

TWO_FRAMES = 6000
"What reordering among the newest frames may turn back."
FATES = st.sampled_from(["arrives"] * 4 + ["late", "late", "lost"])


@dataclass
class Host:
    """A publisher and packets that are on the way, to arrive late."""

    session_id: str
    video: Stream
    audio: Stream
    codecs: list[RtpCodec]
    has_audio: bool
    has_new_codec: bool = False
    held: list[bytes] = field(default_factory=list)


@dataclass
class Wire:
    """What one track of one viewer has been sent."""

    content: dict[int, Sent] = field(default_factory=dict)
    newest: Sent | None = None


class RoomRules(RuleBasedStateMachine):
    """Random lives of a room; `is_orderly` ones have a network that neither loses nor reorders."""

    publishers: Bundle[Host] = Bundle("publishers")
    viewers: Bundle[Viewer] = Bundle("viewers")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.room = Room(self.clock, check=self.check)
        self.wires: dict[tuple[str, str], Wire] = {}
        self.count = 0
        self.is_orderly = True

    @initialize(is_orderly=st.booleans())
    def choose_network(self, is_orderly: bool) -> None:
        self.is_orderly = is_orderly

    @initialize(target=publishers, sequence=st.integers(0, 65535))
    def begin_with_a_host(self, sequence: int) -> Host:
        return self.admit("host", ["VP8", "H264"], sequence)

    @initialize(target=viewers)
    def begin_with_a_viewer(self) -> Viewer:
        return self.admit_viewer(["VP8", "H264"], 7)

    # ---- what may happen ----------------------------------------------------------------

    @rule(
        target=publishers,
        source=st.sampled_from(["host", "demo"]),
        names=st.sampled_from([["VP8", "H264"], ["H264"], ["VP8"], []]),
        sequence=st.integers(0, 65535),
    )
    def publish(self, source: str, names: list[str], sequence: int) -> Host:
        return self.admit(source, names, sequence)

    def admit(self, source: str, names: list[str], sequence: int) -> Host:
        self.count += 1
        codecs = [codec(name) for name in names]
        plan = ingest_plan(audio=[] if len(names) == 1 else [codec("opus")], video=codecs)
        session_id = f"p{self.count}"
        self.room.publish(session_id, "host" if source == "host" else "demo", plan)
        ssrc, timestamp = 2 * self.count, (sequence << 17) % (1 << 32)
        return Host(
            session_id,
            Stream(codecs[0] if codecs else codec("VP8"), ssrc, sequence=sequence),
            Stream(codec("opus"), ssrc + 1, sequence=sequence, timestamp=timestamp),
            codecs,
            has_audio=len(names) != 1,
        )

    @rule(host=consumes(publishers))
    def unpublish(self, host: Host) -> None:
        self.room.unpublish(host.session_id)

    @rule(
        target=viewers,
        names=st.sampled_from([["VP8", "H264"], ["H264", "VP8", "AV1"], ["H264"], []]),
        first_index=st.integers(0, 32767),
    )
    def watch(self, names: list[str], first_index: int) -> Viewer:
        return self.admit_viewer(names, first_index)

    def admit_viewer(self, names: list[str], first_index: int) -> Viewer:
        self.count += 1
        video = [codec(name, 100 + at) for at, name in enumerate(names)]
        plan = egress_plan(video=video)
        return self.room.watch(f"v{self.count}", plan, first_index=first_index)

    @rule(viewer=consumes(viewers))
    def leave(self, viewer: Viewer) -> None:
        self.room.leave(viewer.session_id)

    @rule(viewer=viewers)
    def ask_for_keyframe(self, viewer: Viewer) -> None:
        self.room.rtcp(viewer.session_id, write_pli(1, 2))

    @rule(
        host=publishers,
        keys=st.sampled_from(["K", "KDD", "DDD", "DKD", "KKD", "DD"]),
        packets=st.integers(1, 4),
        fates=st.lists(FATES, min_size=12, max_size=12),
        in_one_drain=st.booleans(),
    )
    def send_frames(
        self, host: Host, keys: str, packets: int, fates: list[str], in_one_drain: bool
    ) -> None:
        if host.has_new_codec:
            # Another track: it may be asked at once, whatever its predecessor was asked.
            self.room.feedback.clear()
            host.has_new_codec = False
        frames = [
            host.video.frame(is_key=key == "K", packets=packets)
            for key in (keys if host.codecs else "")
        ]
        if in_one_drain:
            frames = [[packet for frame in frames for packet in frame]]
        for at, frame in enumerate(frames):
            self.transmit(host, frame, fates[4 * at :])
            self.clock.advance(1 / 30)

    @rule(host=publishers, packets=st.integers(1, 8), fates=st.lists(FATES, min_size=8, max_size=8))
    def send_sound(self, host: Host, packets: int, fates: list[str]) -> None:
        if host.has_audio:
            self.transmit(host, [host.audio.sound() for _ in range(packets)], fates)

    @rule(host=publishers)
    def change_codec(self, host: Host) -> None:
        if len(host.codecs) == 2 and not host.held:
            host.video.codec = host.codecs[host.video.codec is host.codecs[0]]
            host.has_new_codec = True

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
        pairs = list(zip(packets, fates, strict=False))
        host.held += [packet for packet, fate in pairs if fate == "late"]
        self.room.feed(host.session_id, [packet for packet, fate in pairs if fate == "arrives"])

    # ---- what must hold -----------------------------------------------------------------

    def check(self, viewer: Viewer, kind: str, sent: Sent) -> None:
        wire = self.wires.setdefault((viewer.session_id, kind), Wire())
        assert viewer.session_id in self.room.viewers, "sent to one who left"
        assert sent.index >= 0
        assert sent.index not in wire.content, "a nonce is used twice"
        wire.content[sent.index] = sent
        tracks = {track.kind: track for track in viewer.plan.tracks}
        accepted = {one.payload_type for one in tracks[kind].codecs}
        assert sent.payload_type in accepted, "a payload type the viewer never accepted"
        newest = wire.newest
        if newest is not None and self.is_orderly:
            assert sent.index == newest.index + 1, "a number is left out or goes back"
            assert sent.timestamp >= newest.timestamp, "time goes back"
        elif newest is not None and sent.index > newest.index:
            assert sent.timestamp >= newest.timestamp - TWO_FRAMES, "time goes back"
        if newest is None or sent.index > newest.index:
            wire.newest = sent

    @invariant()
    def requests_are_not_a_storm(self) -> None:
        for publisher in self.room.forwarder.publishers.values():
            asked: dict[int, float] = {}
            for at, packet in self.room.keyframe_requests_by_track(publisher.session_id):
                assert at - asked.get(packet, -9.0) >= 1.0 - 1e-9
                asked[packet] = at

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
