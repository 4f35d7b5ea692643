"""A room's viewers: what each is sent, from its first picture through layers and losses.

Whoever joins gets what the cache holds: everything since a young key frame, or an older key
frame alone until the next one comes. A viewer changes layer or publisher with the first packet
of a key frame, and never goes without a picture for it.
"""

from collections.abc import Callable

from .description import RtpCodec
from .dispatcher import Dispatcher
from .layers import AUDIO_ONLY, Layer, LayersShown, Wish
from .subscriber import Subscriber
from .tracks import DownTrack, Epoch, UpTrack
from .train import Forwardable, Group, Train

_BURST_MAX_AGE_S = 1.0
"As long as the key-frame interval: a joiner then never waits for a picture that moves."
_MAX_RESEND_AGE_S = 0.7
"Older packets cannot be played any more: pages buffer half a second at most."
_MAX_NACKED = 128
"Lost packets of one RTCP packet that are looked at."
_LAYER_SILENT_S = 1.0
"A layer that sends nothing while others do is one the host's uplink has no room for."
_ALL_SILENT_S = 2.0
"As long as until the host is told to be away."


class Audience:
    """Viewers of one room and the tracks they are sent. Times are seconds."""

    def __init__(self, gather_s: float, send: Callable[[Train], None]) -> None:
        """Make an empty audience; see `Dispatcher` for `gather_s` and `send`."""
        self.subscribers: dict[str, Subscriber] = {}
        self.resent = 0
        "Packets sent again to viewers who lost them."
        self._dispatcher = Dispatcher(gather_s, send)
        self._sources: dict[str, dict[str, UpTrack]] = {"audio": {}, "video": {}}
        "What the picture's publisher sends, by kind and rid."

    # ---- membership ---------------------------------------------------------------------

    def add(self, subscriber: Subscriber, now: float) -> None:
        """Admit a viewer and start its tracks from what flows and what is cached."""
        self.subscribers[subscriber.session_id] = subscriber
        self._dispatcher.release(now)
        for down in subscriber.tracks:
            up = self._target(subscriber, down, now)
            if up is None:
                continue
            if down.kind == "video":
                self._start_video(subscriber, down, up, now)
            else:
                first = (up.last_index + 1, up.last_timestamp, False, b"")
                self._attach(subscriber, down, up, first, now)

    def remove(self, session_id: str) -> None:
        """Forget a viewer."""
        subscriber = self.subscribers.pop(session_id, None)
        if subscriber is not None:
            for down in subscriber.tracks:
                self._detach(down)

    def wish(self, session_id: str, wish: Wish, now: float) -> None:
        """Take what a viewer's page asks for."""
        subscriber = self.subscribers.get(session_id)
        if subscriber is not None:
            subscriber.selector.wish = wish
            self._select(subscriber, now)

    def layers_of(self, session_id: str, now: float) -> LayersShown:
        """Tell what a viewer can be sent and is sent; empty for an unknown one."""
        subscriber = self.subscribers.get(session_id)
        down = None if subscriber is None else subscriber.track("video")
        if subscriber is None or down is None:
            return LayersShown()
        flowing = [up for up in self._layers(down) if now - up.last_at < _ALL_SILENT_S]
        return LayersShown(
            tuple(Layer(up.rid, up.bitrate.per_second, up.height) for up in flowing),
            None if down.up is None else down.up.rid,
            subscriber.selector.is_audio_only,
        )

    def want_keyframe(self, subscriber: Subscriber) -> None:
        """Note that a viewer needs a key frame of what it is sent."""
        down = subscriber.track("video")
        if down is not None and down.up is not None:
            down.up.keyframes.want()

    # ---- what the publisher sends ---------------------------------------------------------

    def forward(self, track: UpTrack, packet: Forwardable, *, is_key: bool, now: float) -> None:
        """Take one packet of the picture's publisher."""
        if self._sources[track.kind].get(track.rid) is not track:
            if track.kind == "video" and not is_key:
                track.keyframes.want()
                return
            self._replace_source(track, now)
            self._serve(track, packet, now)
        elif is_key:
            self._serve(track, packet, now)
        self._dispatcher.queue(track, packet, now)

    def drop_sources(self, now: float) -> None:
        """Stop sending the current tracks: another publisher comes, or none is left."""
        self._dispatcher.release(now)
        for kind, layers in self._sources.items():
            layers.clear()
            self._detach_all(kind, lambda _: True)

    def flush(self, now: float) -> None:
        """Send what makes a whole frame or has waited long enough for the rest of it."""
        self._dispatcher.flush(now)

    def get_flush_timer(self) -> float | None:
        """When `flush` must be called at the latest; None when nothing waits."""
        return self._dispatcher.get_timer()

    def select_layers(self, now: float) -> None:
        """Look whether viewers should change layer; call about every 100 ms."""
        if self._sources["video"]:
            for subscriber in self.subscribers.values():
                self._select(subscriber, now)

    def select_layer(self, subscriber: Subscriber, now: float) -> None:
        """Look at once whether a viewer should change layer: its bandwidth fell."""
        if self._sources["video"]:
            self._select(subscriber, now)

    def resend(self, subscriber: Subscriber, lost: list[int], now: float) -> None:
        """Send packets again that a viewer reports lost, as RTX or as they were."""
        down = subscriber.track("video")
        if down is None:
            return
        subscriber.selector.lost(lost[:_MAX_NACKED], now)
        self.select_layer(subscriber, now)
        for sequence in lost[:_MAX_NACKED]:
            sent = down.find_sent(sequence)
            if sent is None:
                continue
            epoch, packet = sent
            if epoch.age_s(packet, now) > _MAX_RESEND_AGE_S:
                # After an outage old frames would burst out; a key frame shows what is now.
                self.want_keyframe(subscriber)
                continue
            if not subscriber.may_resend(sequence, now):
                continue
            if self._resend_one(subscriber, down, *sent, sequence, now):
                self.resent += 1

    def _resend_one(
        self,
        subscriber: Subscriber,
        down: DownTrack,
        epoch: Epoch,
        packet: Forwardable,
        sequence: int,
        now: float,
    ) -> bool:
        _, timestamp, marker, payload = packet
        rtx = subscriber.rtx_lane
        if rtx is None:
            # As it was, to the last bit: the nonce is the same, so the content must be.
            group = _group_of(subscriber, down, epoch.up.codec)
            lane = down.lane
            kept = lane.index_offset, lane.timestamp_offset
            lane.index_offset, lane.timestamp_offset = epoch.index_offset, epoch.timestamp_offset
            self._dispatcher.send_alone(packet, group, lane, now)
            lane.index_offset, lane.timestamp_offset = kept
            return True
        payload_type = down.rtx_payload_type_for(epoch.up.codec)
        if payload_type is None:
            return False
        rtx.timestamp_offset = epoch.timestamp_offset
        again = (subscriber.rtx_index, timestamp, marker, sequence.to_bytes(2, "big") + payload)
        subscriber.rtx_index += 1
        extension_id = subscriber.abs_send_time_ids["video"]
        group = Group(payload_type, extension_id, rtx.is_gcm, may_pad=False)
        self._dispatcher.send_alone(again, group, rtx, now)
        return True

    def _replace_source(self, track: UpTrack, now: float) -> None:
        self._dispatcher.release(now)
        replaced = self._sources[track.kind].get(track.rid)
        self._sources[track.kind][track.rid] = track
        if replaced is not None:
            self._detach_all(track.kind, lambda up: up is replaced)

    def _serve(self, track: UpTrack, packet: Forwardable, now: float) -> None:
        """Give a track that can be started with `packet` to those who wait for it."""
        self._dispatcher.release(now)
        for subscriber in self.subscribers.values():
            down = subscriber.track(track.kind)
            if down is None or down.up is track:
                continue
            target = self._target(subscriber, down, now)
            is_welcome = target is track or (target is not None and down.up is None)
            if is_welcome and down.payload_type_for(track.codec) is not None:
                if down.up is not None and down.up.bitrate.per_second > track.bitrate.per_second:
                    # A line with no room for a layer has none for what it lost of it.
                    down.forget_sent()
                self._detach(down)
                self._attach(subscriber, down, track, packet, now)

    # ---- layers -------------------------------------------------------------------------

    def _target(self, subscriber: Subscriber, down: DownTrack, now: float) -> UpTrack | None:
        """The track a viewer should be sent; None for none."""
        sources = self._layers(down)
        if down.kind == "audio" or not sources:
            return sources[0] if sources else None
        layers = [Layer(up.rid, up.bitrate.per_second, up.height) for up in sources]
        choice = subscriber.selector.choose(
            layers, subscriber.remb_bps, subscriber.fraction_lost, now
        )
        return None if choice == AUDIO_ONLY else sources[choice]

    def _layers(self, down: DownTrack) -> list[UpTrack]:
        """What a viewer can be sent, the lowest first, without layers that fell silent alone."""
        known = [
            up
            for up in self._sources[down.kind].values()
            if down.payload_type_for(up.codec) is not None
        ]
        newest = max((up.last_at for up in known), default=0.0)
        flowing = [up for up in known if newest - up.last_at <= _LAYER_SILENT_S]
        # Heights are known from the first key frame on, rates only after a second.
        return sorted(flowing, key=lambda up: (up.height or 0, up.bitrate.per_second))

    def _select(self, subscriber: Subscriber, now: float) -> None:
        down = subscriber.track("video")
        if down is None:
            return
        target = self._target(subscriber, down, now)
        if target is None:
            self._dispatcher.release(now)
            self._detach(down)
        elif down.up is not target:
            target.keyframes.want()

    # ---- starting and stopping ------------------------------------------------------------

    def _attach(
        self, subscriber: Subscriber, down: DownTrack, up: UpTrack, first: Forwardable, now: float
    ) -> None:
        down.attach(up, first, now)
        self._join(subscriber, down, up, now)

    def _join(self, subscriber: Subscriber, down: DownTrack, up: UpTrack, now: float) -> None:
        down.group = _group_of(subscriber, down, up.codec)
        self._dispatcher.join(up, down.group, down)
        subscriber.started(now)

    def _detach(self, down: DownTrack) -> None:
        if down.up is not None and down.group is not None:
            self._dispatcher.leave(down.up, down.group, down)
            down.detach()

    def _detach_all(self, kind: str, is_gone: Callable[[UpTrack], bool]) -> None:
        for subscriber in self.subscribers.values():
            down = subscriber.track(kind)
            if down is not None and down.up is not None and is_gone(down.up):
                self._detach(down)

    def _start_video(
        self, subscriber: Subscriber, down: DownTrack, up: UpTrack, now: float
    ) -> None:
        """Give a joiner a picture: a short burst that leads into the live stream, or a still."""
        group = _group_of(subscriber, down, up.codec)
        burst = up.cache.since_keyframe(now, _BURST_MAX_AGE_S)
        if burst:
            burst = _hurry(burst, up.codec.clock_rate)
            down.attach_burst(up, burst, now)
            self._dispatcher.send(burst, group, [down], now)
            self._join(subscriber, down, up, now)
            return
        up.keyframes.want()
        still = [
            (index, up.last_timestamp, marker, payload)
            for index, _, marker, payload in up.cache.keyframe()
        ]
        if still:
            down.splice_still(still, up, now)
            self._dispatcher.send(still, group, [down], now)


def _group_of(subscriber: Subscriber, down: DownTrack, codec: RtpCodec) -> Group:
    payload_type = down.payload_type_for(codec)
    assert payload_type is not None
    is_repeatable = down.kind == "video" and subscriber.rtx_lane is None
    extension_id = None if is_repeatable else subscriber.abs_send_time_ids[down.kind]
    return Group(payload_type, extension_id, down.lane.is_gcm, may_pad=not is_repeatable)


def _hurry(packets: list[Forwardable], clock_rate: int) -> list[Forwardable]:
    """Stamp cached frames 1 ms apart, ending at the newest: played at once, not from behind."""
    stamps = sorted({packet[1] for packet in packets}, reverse=True)
    step = clock_rate // 1000
    newest = stamps[0]
    hurried = {stamp: newest - step * at for at, stamp in enumerate(stamps)}
    return [(index, hurried[stamp], marker, data) for index, stamp, marker, data in packets]
