"""The media plane as its owner sees it: publish, subscribe, close, count.

One `MediaServer` per process and UDP socket. It is the only place where sessions, transports
and rooms meet; the rules live in the pure modules it drives.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable

from media.answer import EgressStream, LocalTransport, write_egress_answer, write_ingest_answer
from media.errors import InvalidState, Overloaded
from media.events import CloseReason, MediaEvent, Role, SessionClosed, Source
from media.kernel import Address, FanOut
from media.layers import LayersShown, Wish
from media.negotiation import EgressPlan, IngestPlan, plan_egress, plan_ingest
from media.publisher import Publisher
from media.sdp import parse_session_description
from media.settings import MediaSettings

from .dtls_peer import SrtpKeys, make_certificate
from .measures import IngestMedia, RoomMedia, add_publishers, measure_room
from .patching import Restarted, apply_fragment
from .peer import Peer
from .ports import MediaPorts
from .room import MediaRoom, random_ssrc
from .routes import PeerRoutes
from .sessions import RTX, Member, Session, draw_ssrcs, make_subscriber

__all__ = ["IngestMedia", "MediaServer", "RoomMedia", "Session"]

logger = logging.getLogger(__name__)

_TICK_S = 0.1
_SWEEP_EVERY = 10
"Ticks between looks for sessions that never started or fell silent."
_MEASURE_EVERY = 20
"Ticks between round-trip measurements to publishers."


class MediaServer:
    """Takes streams in and forwards them. Call `start` first and `stop` last."""

    def __init__(self, settings: MediaSettings, on_event: Callable[[MediaEvent], None]) -> None:
        """Prepare; `on_event` is called synchronously from the loop and must not block."""
        self.settings = settings
        self.certificate = make_certificate()
        self._on_event = on_event
        self._counters: dict[str, float] = {}
        self._routes = PeerRoutes(self._counters, self._after_drain)
        self._ports = MediaPorts(settings, self._routes)
        self._members: dict[str, Member] = {}
        self._open: dict[Role, int] = {"ingest": 0, "egress": 0}
        self._rooms: dict[str, MediaRoom] = {}
        self._touched: set[MediaRoom] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._tick_handle: asyncio.TimerHandle | None = None
        self._ticks = 0
        self._published = 0
        self.fan_out = FanOut(_refuse)

    # ---- life ---------------------------------------------------------------------------

    async def start(self) -> None:
        """Bind the port, UDP and TCP.

        Raises:
            OSError: if it cannot be bound.
        """
        await self._ports.open()
        self.fan_out = FanOut(self._ports.sendmsg)
        self._tick_handle = asyncio.get_running_loop().call_later(_TICK_S, self._tick)

    async def stop(self) -> None:
        """End all sessions and close the port. Idempotent."""
        if self._tick_handle is not None:
            self._tick_handle.cancel()
            self._tick_handle = None
        for session_id in list(self._members):
            await self.close(session_id, "server")
        if self._closing:
            await asyncio.gather(*self._closing)
        await self._ports.close()

    @property
    def port(self) -> int:
        """The bound port."""
        return self._ports.port

    # ---- sessions -----------------------------------------------------------------------

    async def publish(self, room: str, offer: str, *, source: Source) -> Session:
        """Answer a WHIP offer.

        Raises:
            InvalidOffer, UnsupportedOffer, UnsupportedCodec: the offer cannot be served.
            Overloaded: too many publishers.
        """
        if self._open["ingest"] >= self.settings.max_ingests:
            raise Overloaded("no room for another publisher")
        description = parse_session_description(offer)
        plan = plan_ingest(description, retransmission=True, simulcast=True)
        peer = self._make_peer(plan, receives=True)
        answer = write_ingest_answer(description, plan, self._local(peer), secrets.randbits(62))
        return self._admit(room, source, answer, peer, plan).session

    async def subscribe(self, room: str, offer: str) -> Session:
        """Answer a WHEP offer; the room need not have a publisher.

        Raises:
            InvalidOffer, UnsupportedOffer, UnsupportedCodec: the offer cannot be served.
            Overloaded: too many viewers.
        """
        if self._open["egress"] >= self.settings.max_egresses:
            raise Overloaded("no room for another viewer")
        description = parse_session_description(offer)
        plan = plan_egress(description, retransmission=True)
        peer = self._make_peer(plan, receives=False)
        ssrcs = draw_ssrcs(plan)
        answer = write_egress_answer(
            description,
            plan,
            self._local(peer),
            secrets.randbits(62),
            {
                "audio": EgressStream(ssrcs.get("audio", 0)),
                "video": EgressStream(ssrcs.get("video", 0), ssrcs.get(RTX)),
            },
            cname=peer.ufrag,
            msid=room,
        )
        member = self._admit(room, None, answer, peer, plan)
        member.ssrcs = ssrcs
        return member.session

    def patch(self, session_id: str, fragment: str, if_match: str | None) -> Restarted | None:
        """Take a trickle fragment; returns our half of an ICE restart if it asks for one.

        Raises:
            PeerError: as `apply_fragment`; the session goes on as it was.
            InvalidState: there is no such session.
        """
        member = self._members.get(session_id)
        if member is None:
            raise InvalidState("no such session")
        local, is_strict = self._ports.candidates(self.now()), self.settings.strict_if_match
        restarted = apply_fragment(member, fragment, if_match, local, is_strict=is_strict)
        if restarted is not None:
            self._routes.add_ufrag(member.peer, restarted.ufrag)
        return restarted

    def select_layer(self, session_id: str, wish: Wish) -> None:
        """Take what a viewer's page asks for; ignored unless it is connected."""
        room = self._room_of(session_id)
        if room is not None:
            room.forwarder.select_layer(session_id, wish, self.now())
            room.after_input()

    def layers_of(self, session_id: str) -> LayersShown:
        """Tell what a viewer can be sent and is sent; empty unless it is connected."""
        room = self._room_of(session_id)
        return LayersShown() if room is None else room.forwarder.layers_of(session_id, self.now())

    def find(self, session_id: str) -> Session | None:
        """Return a session that has not ended."""
        member = self._members.get(session_id)
        return None if member is None else member.session

    async def close(self, session_id: str, reason: CloseReason) -> None:
        """End a session at once. Idempotent."""
        member = self._members.pop(session_id, None)
        if member is None:
            return
        session = member.session
        self._open[session.role] -= 1
        self._routes.remove(member.peer)
        self._leave(member)
        await member.peer.close()
        self.emit(SessionClosed(session.room, session_id, session.role, session.source, reason))

    # ---- numbers ------------------------------------------------------------------------

    def is_connected(self, session_id: str) -> bool:
        """Tell whether a session has finished its handshake and not ended."""
        member = self._members.get(session_id)
        return member is not None and member.peer.is_connected

    def room_media(self, room: str) -> RoomMedia:
        """Measure a room; zeros for an unknown one."""
        driven = self._rooms.get(room)
        if driven is None:
            return RoomMedia(0, None)
        active = driven.forwarder.active
        member = None if active is None else self._members.get(active.session_id)
        rtt_s = None if member is None else member.peer.rtt_s
        return measure_room(driven.forwarder, rtt_s, self.now())

    def counters(self) -> dict[str, float]:
        """Return counters and gauges for the metrics page by name."""
        forwarders = [room.forwarder for room in self._rooms.values()]
        counters = {
            **self._counters,
            "media_packets_forwarded_total": self.fan_out.packets,
            "media_sends_total": self.fan_out.sends,
            "media_ingests": self._open["ingest"],
            "media_egresses": self._open["egress"],
            "media_rooms": len(self._rooms),
            "media_tcp_connections": self._ports.connections,
            "media_segmentation_enabled": float(self.fan_out.can_segment),
        }
        malformed_rtcp = sum(forwarder.malformed_rtcp for forwarder in forwarders)
        counters["media_malformed_rtcp_total"] = malformed_rtcp + self._counters.get(
            "media_malformed_rtcp_total", 0
        )
        add_publishers(counters, (p for f in forwarders for p in f.publishers.values()))
        return counters

    # ---- for peers and rooms --------------------------------------------------------------

    def now(self) -> float:
        """Monotonic seconds. Not the loop's clock: uvloop's stands still within an iteration."""
        return time.monotonic()

    def send(self, data: bytes, address: Address) -> None:
        """Put a datagram on the wire."""
        self._ports.send(data, address)

    def unroute(self, peer: Peer, ufrag: str) -> None:
        """Forget a username fragment whose time is over."""
        self._routes.drop_ufrag(peer, ufrag)

    def count(self, name: str, amount: int = 1) -> None:
        """Count for the metrics."""
        self._counters[name] = self._counters.get(name, 0) + amount

    def emit(self, event: MediaEvent) -> None:
        """Hand an event to the owner; its faults stay its own."""
        try:
            self._on_event(event)
        except Exception:
            logger.exception("an event handler failed")

    def send_rtcp(self, session_id: str, data: bytes) -> None:
        """Protect and send RTCP to a session."""
        member = self._members.get(session_id)
        if member is not None:
            member.peer.send_rtcp(data)

    def replace(self, session_id: str) -> None:
        """End the session of a publisher that a later host replaced."""
        self._close_soon(session_id, "taken_over")

    # ---- inside -------------------------------------------------------------------------

    def _make_peer(self, plan: IngestPlan | EgressPlan, *, receives: bool) -> Peer:
        return Peer(self, plan.transport, prefer=self.settings.preferred_srtp, receives=receives)

    def _admit(
        self,
        room: str,
        source: Source | None,
        answer: str,
        peer: Peer,
        plan: IngestPlan | EgressPlan,
    ) -> Member:
        session = Session(
            id=secrets.token_urlsafe(18),
            room=room,
            role="egress" if source is None else "ingest",
            source=source,
            answer=answer,
            etag=peer.etag,
        )
        member = Member(session, peer, plan, self.now())
        peer.on_connected = lambda keys: self._connected(member, keys)
        peer.on_media = lambda packets: self._media_arrived(member, packets)
        peer.on_rtcp = lambda data: self._rtcp_arrived(member, data)
        peer.on_moved = lambda to: member.move(to, self._ports.sender(to))
        peer.on_closed = lambda: self._close_soon(session.id, "dtls")
        self._members[session.id] = member
        self._open[session.role] += 1
        self._routes.add(peer)
        return member

    def _connected(self, member: Member, keys: SrtpKeys) -> None:
        if self._members.get(member.session.id) is not member:
            return
        room = self._room(member.session.room)
        if isinstance(member.plan, IngestPlan):
            self._published += 1
            assert member.session.source is not None
            publisher = Publisher(
                member.session.id,
                member.session.source,
                member.plan,
                sender_ssrc=random_ssrc(),
                keyframe_interval_s=self.settings.keyframe_interval_ms / 1000,
                order=self._published,
            )
            room.forwarder.add_publisher(publisher)
        else:
            self._add_viewer(room, member, member.plan, keys)
        room.after_input()

    def _add_viewer(
        self, room: MediaRoom, member: Member, plan: EgressPlan, keys: SrtpKeys
    ) -> None:
        address = member.peer.selected
        assert address is not None, "the handshake validated an address"
        subscriber = make_subscriber(member, plan, keys, address)
        member.move(address, self._ports.sender(address))
        room.forwarder.add_subscriber(subscriber, self.now())

    def _media_arrived(self, member: Member, packets: list[bytes]) -> None:
        room = self._room(member.session.room)
        room.forwarder.handle_rtp(member.session.id, packets, self.now())
        self._touched.add(room)

    def _rtcp_arrived(self, member: Member, data: bytes) -> None:
        room = self._room(member.session.room)
        room.forwarder.handle_rtcp(member.session.id, data, self.now())
        self._touched.add(room)

    def _after_drain(self) -> None:
        for room in self._touched:
            room.after_input()
        self._touched.clear()

    def _room(self, name: str) -> MediaRoom:
        room = self._rooms.get(name)
        if room is None:
            room = self._rooms[name] = MediaRoom(name, self)
        return room

    def _room_of(self, session_id: str) -> MediaRoom | None:
        member = self._members.get(session_id)
        return None if member is None else self._rooms.get(member.session.room)

    def _leave(self, member: Member) -> None:
        room = self._rooms.get(member.session.room)
        if room is None:
            return
        publisher = room.forwarder.publishers.get(member.session.id)
        if publisher is not None:
            add_publishers(self._counters, [publisher])
            room.forwarder.remove_publisher(member.session.id, self.now())
        else:
            room.forwarder.remove_subscriber(member.session.id)
        room.after_input()
        if room.forwarder.is_empty:
            room.close()
            self.count("media_malformed_rtcp_total", room.forwarder.malformed_rtcp)
            del self._rooms[room.name]

    def _close_soon(self, session_id: str, reason: CloseReason) -> None:
        task = asyncio.get_running_loop().create_task(self.close(session_id, reason))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _tick(self) -> None:
        self._tick_handle = asyncio.get_running_loop().call_later(_TICK_S, self._tick)
        self._ticks += 1
        for room in list(self._rooms.values()):
            room.tick()
        if self._ticks % _SWEEP_EVERY == 0:
            self._sweep()
        if self._ticks % _MEASURE_EVERY == 0:
            for member in self._members.values():
                if member.session.role == "ingest":
                    member.peer.measure()
                    self._tell_rtt(member)

    def _tell_rtt(self, member: Member) -> None:
        publisher = self._room(member.session.room).forwarder.publishers.get(member.session.id)
        if publisher is not None:
            publisher.rtt_s = member.peer.rtt_s

    def _sweep(self) -> None:
        """End sessions that never started (DTLS) or fell silent (RFC 7675)."""
        now = self.now()
        self._ports.sweep()
        for session_id, member in list(self._members.items()):
            member.peer.tidy()
            if not member.peer.is_connected:
                if now - member.created_at > self.settings.connect_timeout_s:
                    self._close_soon(session_id, "timeout")
            elif now - member.peer.last_consent > self.settings.consent_timeout_s:
                self._close_soon(session_id, "consent")

    def _local(self, peer: Peer) -> LocalTransport:
        own, found = peer.credentials, self._ports.candidates(self.now())
        fingerprint = self.certificate.fingerprint
        return LocalTransport(own.ufrag, own.pwd, fingerprint, found.addresses, found.transports)


def _refuse(*_: object) -> int:
    raise OSError("not started")
