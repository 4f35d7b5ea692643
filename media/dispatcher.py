"""Packets on their way to viewers: gathered into frames, sent as trains to groups of lanes.

Lanes that share payload type, header extensions and SRTP profile form a group, which costs one
plan a train. Knows nothing of layers, caches and key frames.
"""

from collections.abc import Callable

from .kernel import Lane
from .rtp import write_extensions
from .tracks import DownTrack, UpTrack
from .train import Forwardable, Group, Train


class Dispatcher:
    """Who is sent which track, and what waits to be sent. Times are seconds."""

    def __init__(self, gather_s: float, send: Callable[[Train], None]) -> None:
        """Hold packets of an unfinished frame for at most `gather_s`.

        Each train is given to `send`, which must protect it before it returns: the lanes'
        offsets belong to this train and may change with the next one.
        """
        self._gather_s = gather_s
        self._send = send
        self._routes: dict[UpTrack, dict[Group, list[DownTrack]]] = {}
        self._pending: dict[UpTrack, list[Forwardable]] = {}
        self._pending_since: float | None = None
        self._has_whole_frame = False

    def join(self, up: UpTrack, group: Group, down: DownTrack) -> None:
        """Send a track to a viewer from its next packet on; release what is pending first."""
        self._routes.setdefault(up, {}).setdefault(group, []).append(down)

    def leave(self, up: UpTrack, group: Group, down: DownTrack) -> None:
        """Stop sending a track to a viewer; release what is pending first."""
        downs = self._routes[up][group]
        downs.remove(down)
        if not downs:
            del self._routes[up][group]
            if not self._routes[up]:
                del self._routes[up]

    def queue(self, track: UpTrack, packet: Forwardable, now: float) -> None:
        """Take a packet to be sent with its frame; a late one is sent at once."""
        if packet[0] < track.last_index:
            self._send_late(track, packet, now)
            return
        self._pending.setdefault(track, []).append(packet)
        if self._pending_since is None:
            self._pending_since = now
        if packet[2] or not any(pending.kind == "video" for pending in self._pending):
            self._has_whole_frame = True

    def flush(self, now: float) -> None:
        """Send what makes a whole frame or has waited long enough for the rest of it."""
        if self._pending_since is not None and (
            self._has_whole_frame or now >= self._pending_since + self._gather_s
        ):
            self.release(now)

    def get_timer(self) -> float | None:
        """When `flush` must be called at the latest; None when nothing waits."""
        return None if self._pending_since is None else self._pending_since + self._gather_s

    def release(self, now: float) -> None:
        """Send everything pending."""
        if self._pending_since is None:
            return
        pending, self._pending = self._pending, {}
        self._pending_since = None
        self._has_whole_frame = False
        for track, packets in pending.items():
            for group, downs in self._routes.get(track, {}).items():
                self.send(packets, group, downs, now)

    def send(
        self, packets: list[Forwardable], group: Group, downs: list[DownTrack], now: float
    ) -> None:
        """Send packets to viewers of one group."""
        lanes = [down.lane for down in downs]
        extensions = _abs_send_time(group.abs_send_time_id, now)
        self._send(Train(packets, group.payload_type, extensions, lanes, group.may_pad))

    def send_alone(self, packet: Forwardable, group: Group, lane: Lane, now: float) -> None:
        """Send one packet on one lane, at once."""
        extensions = _abs_send_time(group.abs_send_time_id, now)
        self._send(Train([packet], group.payload_type, extensions, [lane], group.may_pad))

    def _send_late(self, track: UpTrack, packet: Forwardable, now: float) -> None:
        """Send a reordered packet, but not to those whose numbering began after it."""
        self.release(now)
        for group, downs in self._routes.get(track, {}).items():
            entitled = [down for down in downs if down.floor <= packet[0]]
            if entitled:
                self.send([packet], group, entitled, now)


def _abs_send_time(extension_id: int | None, now: float) -> bytes:
    """24-bit 6.18 fixed-point seconds; viewers then estimate their bandwidth (REMB)."""
    if extension_id is None:
        return b""
    stamp = int(now * (1 << 18)) & 0xFFFFFF
    return write_extensions({extension_id: stamp.to_bytes(3, "big")})
