"""A room's viewers and the packets on their way to them.

Packets gather until a frame is whole (or has waited long enough) and leave as trains, one per
group of lanes that share payload type, header extensions and SRTP profile. Whoever joins gets
what the cache holds: everything since a young key frame, or an older key frame alone until
the next one comes.
"""

from collections.abc import Callable

from .rtp import write_extensions
from .subscriber import Subscriber
from .tracks import DownTrack, UpTrack
from .train import Forwardable, Train

_KINDS = ("audio", "video")
_BURST_MAX_AGE_S = 1.0
"As long as the key-frame interval: a joiner then never waits for a picture that moves."

_Group = tuple[int, int | None, bool]
"(payload type, abs-send-time id, is GCM)"


class Audience:
    """Viewers of one room and the tracks they are sent. Times are seconds."""

    def __init__(self, gather_s: float, send: Callable[[Train], None]) -> None:
        """Hold packets of an unfinished frame for at most `gather_s`.

        Each train is given to `send`, which must protect it before it returns: the lanes'
        offsets belong to this train and may change with the next one.
        """
        self.subscribers: dict[str, Subscriber] = {}
        self._gather_s = gather_s
        self._send = send
        self._current: dict[str, UpTrack] = {}
        self._groups: dict[str, dict[_Group, list[DownTrack]] | None] = dict.fromkeys(_KINDS)
        "Lanes by what a train needs; None when out of date."
        self._pending: dict[str, list[Forwardable]] = {kind: [] for kind in _KINDS}
        self._pending_since: float | None = None
        self._has_whole_frame = False

    # ---- membership ---------------------------------------------------------------------

    def add(self, subscriber: Subscriber, now: float) -> None:
        """Admit a viewer and start its tracks from what flows and what is cached."""
        self.subscribers[subscriber.session_id] = subscriber
        self._release(now)
        for down in subscriber.tracks:
            up = self._current.get(down.kind)
            if up is None or down.payload_type_for(up.codec) is None:
                continue
            if down.kind == "video":
                self._start_video(subscriber, down, up, now)
            else:
                following = (up.last_index + 1, up.last_timestamp, False, b"")
                self._attach(subscriber, down, up, following, now)

    def remove(self, session_id: str) -> None:
        """Forget a viewer."""
        if self.subscribers.pop(session_id, None) is not None:
            self._groups = dict.fromkeys(_KINDS)

    def want_keyframe(self) -> None:
        """Note that somebody needs a key frame of the current picture."""
        video = self._current.get("video")
        if video is not None:
            video.keyframes.want()

    def drop_sources(self, now: float) -> None:
        """Stop sending the current tracks: another publisher comes, or none is left."""
        self._release(now)
        for kind in list(self._current):
            self._drop_source(kind)

    def _drop_source(self, kind: str) -> None:
        self._current.pop(kind, None)
        self._groups[kind] = None
        for subscriber in self.subscribers.values():
            down = subscriber.track(kind)
            if down is not None:
                down.detach()

    # ---- packets ------------------------------------------------------------------------

    def forward(self, track: UpTrack, packet: Forwardable, *, is_key: bool, now: float) -> None:
        """Take one packet of the picture's publisher."""
        if self._current.get(track.kind) is not track:
            if track.kind == "video" and not is_key:
                track.keyframes.want()
                return
            self._release(now)
            self._drop_source(track.kind)
            self._current[track.kind] = track
            self._attach_waiting(track, packet, now)
        elif is_key:
            self._release(now)
            self._attach_waiting(track, packet, now)
        if packet[0] < track.last_index:
            self._forward_late(track, packet, now)
            return
        self._pending[track.kind].append(packet)
        if self._pending_since is None:
            self._pending_since = now
        if packet[2] or not self._pending["video"]:
            self._has_whole_frame = True

    def flush(self, now: float) -> None:
        """Send what makes a whole frame or has waited `gather_s`."""
        if self._pending_since is not None and (
            self._has_whole_frame or now >= self._pending_since + self._gather_s
        ):
            self._release(now)

    def get_flush_timer(self) -> float | None:
        """When packets that wait for the rest of their frame must be flushed."""
        return None if self._pending_since is None else self._pending_since + self._gather_s

    def _release(self, now: float) -> None:
        """Send everything pending."""
        if self._pending_since is None:
            return
        self._pending_since = None
        self._has_whole_frame = False
        for kind, packets in self._pending.items():
            if packets:
                self._pending[kind] = []
                track = self._current.get(kind)
                if track is not None:
                    self._send_trains(track, packets, self._lanes(kind, track), now)

    def _send_trains(
        self,
        track: UpTrack,
        packets: list[Forwardable],
        groups: dict[_Group, list[DownTrack]],
        now: float,
    ) -> None:
        for (payload_type, extension_id, _), downs in groups.items():
            lanes = [down.lane for down in downs]
            extensions = _abs_send_time(extension_id, now)
            self._send(Train(packets, payload_type, extensions, lanes))

    def _forward_late(self, track: UpTrack, packet: Forwardable, now: float) -> None:
        """Send a reordered packet, but not to those whose numbering began after it."""
        self._release(now)
        groups = {
            group: [down for down in downs if down.floor <= packet[0]]
            for group, downs in self._lanes(track.kind, track).items()
        }
        self._send_trains(track, [packet], {g: d for g, d in groups.items() if d}, now)

    def _lanes(self, kind: str, track: UpTrack) -> dict[_Group, list[DownTrack]]:
        groups = self._groups[kind]
        if groups is None:
            groups = self._groups[kind] = {}
            for subscriber in self.subscribers.values():
                down = subscriber.track(kind)
                if down is not None and down.up is track:
                    groups.setdefault(_group_of(subscriber, down, track), []).append(down)
        return groups

    # ---- starting a viewer's track ----------------------------------------------------------

    def _attach(
        self, subscriber: Subscriber, down: DownTrack, up: UpTrack, first: Forwardable, now: float
    ) -> None:
        down.attach(up, first, now)
        subscriber.started(now)
        self._groups[down.kind] = None

    def _attach_waiting(self, track: UpTrack, packet: Forwardable, now: float) -> None:
        for subscriber in self.subscribers.values():
            down = subscriber.track(track.kind)
            if down is None or down.up is not None:
                continue
            if down.payload_type_for(track.codec) is not None:
                self._attach(subscriber, down, track, packet, now)

    def _start_video(
        self, subscriber: Subscriber, down: DownTrack, up: UpTrack, now: float
    ) -> None:
        """Give a joiner a picture: a short burst that leads into the live stream, or a still."""
        group = _group_of(subscriber, down, up)
        burst = up.cache.since_keyframe(now, _BURST_MAX_AGE_S)
        if burst:
            down.attach(up, burst[0], now)
            down.floor = up.last_index + 1
            subscriber.started(now)
            self._groups["video"] = None
            self._send_trains(up, _hurry(burst, up.codec.clock_rate), {group: [down]}, now)
            return
        up.keyframes.want()
        still = up.cache.keyframe()
        if still:
            still = [(i, up.last_timestamp, marker, data) for i, _, marker, data in still]
            down.splice_burst(still, up.codec.clock_rate, now)
            self._send_trains(up, still, {group: [down]}, now)


def _group_of(subscriber: Subscriber, down: DownTrack, up: UpTrack) -> _Group:
    payload_type = down.payload_type_for(up.codec)
    assert payload_type is not None
    return payload_type, subscriber.abs_send_time_ids[down.kind], down.lane.is_gcm


def _hurry(packets: list[Forwardable], clock_rate: int) -> list[Forwardable]:
    """Stamp cached frames 1 ms apart, ending at the newest: played at once, not from behind."""
    stamps = sorted({packet[1] for packet in packets}, reverse=True)
    step = clock_rate // 1000
    newest = stamps[0]
    hurried = {stamp: newest - step * at for at, stamp in enumerate(stamps)}
    return [(index, hurried[stamp], marker, data) for index, stamp, marker, data in packets]


def _abs_send_time(extension_id: int | None, now: float) -> bytes:
    """24-bit 6.18 fixed-point seconds; viewers then estimate their bandwidth (REMB)."""
    if extension_id is None:
        return b""
    stamp = int(now * (1 << 18)) & 0xFFFFFF
    return write_extensions({extension_id: stamp.to_bytes(3, "big")})
