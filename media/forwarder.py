"""The SFU core of one room: which publisher is the picture, and who gets which packets.

Pure: bytes and times in, trains, RTCP and events out. **After every `handle_*`, `add_*` or
`remove_*` call the owner calls `flush` and drains `feedback_to_send`, `next_event` and
`sessions_to_close`**; about every 100 ms it calls `handle_timer` and drains `reports_to_send`.
Trains alone are handed over by a callable, at once: see `Audience`.

A host outranks the demo, a later host an earlier one. A publisher becomes the picture with the
first packet of a key frame, so that viewers switch without a gap.
"""

from collections import deque
from collections.abc import Callable, Mapping

from .audience import Audience
from .clock import to_ntp
from .errors import MalformedPacket
from .events import MediaEvent, MediaStarted, MediaStopped
from .layers import LayersShown, Wish
from .publisher import Publisher
from .rtcp import parse_compound
from .subscriber import Subscriber
from .tracks import UpTrack
from .train import Forwardable, Train

_VIDEO_PATIENCE_S = 1.0
"A publisher that announced video but sends none becomes the picture by its sound after that."


_SELECT_INTERVAL_S = 0.25
"Viewers report once a second or when things change; looking more often finds nothing."


class Forwarder:
    """One room. Times are seconds of one monotonic clock; `wall_offset` makes Unix time of it."""

    def __init__(
        self, room: str, send: Callable[[Train], None], *, away_after_s: float, gather_s: float
    ) -> None:
        """Make an empty room that calls a publisher away after `away_after_s` of silence."""
        self.room = room
        self.wall_offset = 0.0
        "Unix time minus monotonic time, kept current by the owner."
        self.publishers: dict[str, Publisher] = {}
        self.active: Publisher | None = None
        "The publisher whose tracks are forwarded."
        self.malformed_rtcp = 0
        self._audience = Audience(gather_s, send)
        self._away_after_s = away_after_s
        self._select_at = 0.0
        self._announced: Publisher | None = None
        "Whose start was told last, while its stop was not; may have left, its heir still courted."
        self._events: deque[MediaEvent] = deque()
        self._to_close: list[str] = []

    # ---- who takes part ---------------------------------------------------------------

    @property
    def subscribers(self) -> Mapping[str, Subscriber]:
        """Connected viewers by session id."""
        return self._audience.subscribers

    @property
    def is_empty(self) -> bool:
        """Whether nobody is left and the room can be dropped."""
        return not self.publishers and not self._audience.subscribers

    def add_publisher(self, publisher: Publisher) -> None:
        """Admit a connected publisher; its packets decide when it becomes the picture."""
        self.publishers[publisher.session_id] = publisher

    def remove_publisher(self, session_id: str, now: float) -> None:
        """Forget a publisher. Another that flows takes over with its next key frame."""
        publisher = self.publishers.pop(session_id, None)
        if publisher is not None and publisher is self.active:
            self._audience.drop_sources(now)
            self.active = None
        if self.active is not None:
            return
        heir = self._best(now)
        if heir is None:
            self._announce_stop()
        else:
            self._court(heir, now)

    def add_subscriber(self, subscriber: Subscriber, now: float) -> None:
        """Admit a connected viewer: a picture at once where one is cached."""
        self._audience.add(subscriber, now)

    def remove_subscriber(self, session_id: str) -> None:
        """Forget a viewer."""
        self._audience.remove(session_id)

    @property
    def resent(self) -> int:
        """Packets sent again to viewers who lost them."""
        return self._audience.resent

    def select_layer(self, session_id: str, wish: Wish, now: float) -> None:
        """Take what a viewer's page asks for."""
        self._audience.wish(session_id, wish, now)

    def layers_of(self, session_id: str, now: float) -> LayersShown:
        """Tell what a viewer can be sent and is sent; empty for an unknown one."""
        return self._audience.layers_of(session_id, now)

    # ---- what arrives -----------------------------------------------------------------

    def handle_rtp(self, session_id: str, packets: list[bytes], now: float) -> None:
        """Take unprotected RTP packets of one publisher, in order of arrival."""
        publisher = self.publishers.get(session_id)
        if publisher is None:
            return
        for data in packets:
            received = publisher.handle_rtp(data, now)
            if received is not None:
                self._route(publisher, *received, now)

    def handle_rtcp(self, session_id: str, data: bytes, now: float) -> None:
        """Take one unprotected RTCP packet of any member."""
        try:
            packets = parse_compound(data)
        except MalformedPacket:
            self.malformed_rtcp += 1
            return
        publisher = self.publishers.get(session_id)
        if publisher is not None:
            publisher.handle_rtcp(packets, now)
            return
        subscriber = self._audience.subscribers.get(session_id)
        if subscriber is None:
            return
        before_bps = subscriber.remb_bps
        wanted = subscriber.handle_rtcp(packets, to_ntp(now + self.wall_offset))
        if before_bps is not None and (subscriber.remb_bps or 0) < before_bps:
            self._audience.select_layer(subscriber, now)
        if wanted.keyframe:
            self._audience.want_keyframe(subscriber)
        if wanted.lost:
            self._audience.resend(subscriber, wanted.lost, now)

    def handle_timer(self, now: float) -> None:
        """Notice silence, returns and viewers' bandwidth; call about every 100 ms."""
        if now >= self._select_at:
            self._select_at = now + _SELECT_INTERVAL_S
            self._audience.select_layers(now)
        best = self._best(now)
        if best is None:
            self._announce_stop()
        elif best is not self.active:
            self._court(best, now)
        elif self._announced is not best:
            self._announce_start(best)

    # ---- what leaves ------------------------------------------------------------------

    def flush(self, now: float) -> None:
        """Send whole frames, and what waited long enough for the rest of its frame."""
        self._audience.flush(now)

    def get_flush_timer(self) -> float | None:
        """When `flush` must be called at the latest; None when nothing waits."""
        return self._audience.get_flush_timer()

    def feedback_to_send(self, now: float) -> list[tuple[str, bytes]]:
        """Return due RTCP to publishers as (session id, plain compound packet)."""
        return [
            (session_id, data)
            for session_id, publisher in self.publishers.items()
            for data in publisher.rtcp_to_send(now)
        ]

    def reports_to_send(self, now: float) -> list[tuple[str, bytes]]:
        """Return due RTCP to viewers as (session id, plain compound packet)."""
        return [
            (session_id, data)
            for session_id, subscriber in self._audience.subscribers.items()
            for data in subscriber.rtcp_to_send(now, now + self.wall_offset)
        ]

    def next_event(self) -> MediaEvent | None:
        """Return the oldest event not yet taken."""
        return self._events.popleft() if self._events else None

    def sessions_to_close(self) -> list[str]:
        """Return publishers that a later host has replaced; the owner ends their sessions."""
        closing, self._to_close = self._to_close, []
        return closing

    # ---- the choice of the picture ------------------------------------------------------

    def _best(self, now: float) -> Publisher | None:
        flowing = [p for p in self.publishers.values() if p.is_flowing(now, self._away_after_s)]
        return max(flowing, key=lambda p: p.rank) if flowing else None

    def _court(self, publisher: Publisher, now: float) -> None:
        """Ask the publisher that should be the picture for the key frame to switch at."""
        if self._may_go_without_video(publisher, now):
            self._activate(publisher, now)
            return
        video = publisher.track("video")
        if video is not None:
            video.keyframes.want()

    def _may_go_without_video(self, publisher: Publisher, now: float) -> bool:
        """Whether no picture is to be waited for: none announced, or none flows since it came."""
        if not publisher.has_video:
            return True
        since, video = publisher.flowing_since, publisher.track("video")
        if since is None or now - since <= _VIDEO_PATIENCE_S:
            return False
        is_dark = video is None or video.last_at < now - _VIDEO_PATIENCE_S
        return is_dark and publisher.is_flowing(now, _VIDEO_PATIENCE_S)

    def _route(
        self,
        publisher: Publisher,
        track: UpTrack,
        packet: Forwardable,
        is_key: bool,  # noqa: FBT001
        now: float,
    ) -> None:
        if publisher is not self.active:
            if self._best(now) is not publisher:
                return
            if not is_key and not self._may_go_without_video(publisher, now):
                if track.kind == "video":
                    track.keyframes.want()
                return
            self._activate(publisher, now)
        self._audience.forward(track, packet, is_key=is_key, now=now)

    def _activate(self, publisher: Publisher, now: float) -> None:
        self._audience.drop_sources(now)
        self.active = publisher
        self._announce_start(publisher)
        if publisher.source == "host":
            self._to_close += [
                other.session_id
                for other in self.publishers.values()
                if other.source == "host" and other.rank < publisher.rank
            ]

    def _announce_start(self, publisher: Publisher) -> None:
        self._announced = publisher
        self._events.append(MediaStarted(self.room, publisher.session_id, publisher.source))

    def _announce_stop(self) -> None:
        publisher, self._announced = self._announced, None
        if publisher is not None:
            self._events.append(MediaStopped(self.room, publisher.session_id, publisher.source))
