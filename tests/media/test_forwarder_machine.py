"""Whatever happens in a room, no viewer's stream breaks the rules that SRTP and players rely on."""

from dataclasses import dataclass, field

from hypothesis import settings
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
    VIDEO_CODECS,
    Room,
    Sent,
    Stream,
    Viewer,
    codec,
    egress_plan,
    ingest_plan,
)

A_FRAME = 6000
"Two frames at 30 a second: what reordering within the newest frames may bring."


@dataclass
class Host:
    """A publisher and packets that are on the way, to arrive late."""

    session_id: str
    video: Stream
    audio: Stream
    codecs: list[RtpCodec]
    has_audio: bool
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

    # ---- what may happen ----------------------------------------------------------------

    @rule(
        target=publishers,
        source=st.sampled_from(["host", "demo"]),
        names=st.lists(st.sampled_from(VIDEO_CODECS), max_size=2, unique=True),
        has_audio=st.booleans(),
        sequence=st.integers(0, 65535),
        timestamp=st.integers(0, 2**32 - 1),
    )
    def publish(
        self, source: str, names: list[str], has_audio: bool, sequence: int, timestamp: int
    ) -> Host:
        self.count += 1
        codecs = [codec(name) for name in names]
        audio = [codec("opus")] if has_audio or not codecs else []
        plan = ingest_plan(audio=audio, video=codecs)
        session_id = f"p{self.count}"
        self.room.publish(session_id, "host" if source == "host" else "demo", plan)
        first = codecs[0] if codecs else codec("VP8")
        return Host(
            session_id,
            Stream(first, 2 * self.count, sequence=sequence, timestamp=timestamp),
            Stream(codec("opus"), 2 * self.count + 1, sequence=timestamp & 0xFFFF),
            codecs,
            bool(audio),
        )

    @rule(host=consumes(publishers))
    def unpublish(self, host: Host) -> None:
        self.room.unpublish(host.session_id)

    @rule(
        target=viewers,
        names=st.lists(st.sampled_from(VIDEO_CODECS), max_size=4, unique=True),
        first_index=st.integers(0, 32767),
    )
    def watch(self, names: list[str], first_index: int) -> Viewer:
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

    @rule(host=publishers, frames=st.integers(1, 6), packets=st.integers(1, 5), data=st.data())
    def send_frames(self, host: Host, frames: int, packets: int, data: st.DataObject) -> None:
        if not host.codecs:
            return
        is_key = data.draw(st.booleans(), "is_key")
        for at in range(frames):
            sent = host.video.frame(is_key=is_key and at == 0, packets=packets)
            self.transmit(host, sent, data)
            self.clock.advance(1 / 30)

    @rule(host=publishers, packets=st.integers(1, 8), data=st.data())
    def send_sound(self, host: Host, packets: int, data: st.DataObject) -> None:
        if host.has_audio:
            self.transmit(host, [host.audio.sound() for _ in range(packets)], data)

    @rule(host=publishers)
    def change_codec(self, host: Host) -> None:
        if len(host.codecs) == 2 and not host.held:
            host.video.codec = host.codecs[host.video.codec is host.codecs[0]]

    @rule(host=publishers)
    def held_packets_arrive(self, host: Host) -> None:
        late, host.held = host.held, []
        self.room.feed(host.session_id, late)

    @rule(seconds=st.sampled_from([0.001, 0.05, 0.5, 1.5, 4.0]))
    def wait(self, seconds: float) -> None:
        self.room.wait(seconds)

    def transmit(self, host: Host, packets: list[bytes], data: st.DataObject) -> None:
        if self.is_orderly:
            self.room.feed(host.session_id, packets)
            return
        fates = data.draw(
            st.lists(
                st.sampled_from(["arrives", "arrives", "arrives", "lost", "late"]),
                min_size=len(packets),
                max_size=len(packets),
            ),
            "fates",
        )
        pairs = list(zip(packets, fates, strict=True))
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
            assert sent.timestamp >= newest.timestamp - A_FRAME, "time goes back"
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
TestRoom.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
