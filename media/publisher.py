"""One publisher (a WHIP session or the demo): its tracks and the RTCP that goes back to it.

Gets unprotected RTP and RTCP, returns what to forward. Knows nothing of viewers or sockets.
"""

from .bandwidth import ArrivalRecorder
from .clock import PublisherClock
from .errors import MalformedPacket
from .events import Source
from .negotiation import IngestPlan, PlannedTrack
from .rtcp import (
    RtcpPacket,
    SenderReport,
    write_fir,
    write_nack,
    write_pli,
    write_receiver_report,
)
from .rtp import (
    EXTENSION_MID,
    EXTENSION_REPAIRED_RID,
    EXTENSION_RID,
    EXTENSION_TRANSPORT_CC,
    RtpPacket,
    parse_packet,
)
from .sdp import RtpCodec
from .tracks import UpTrack
from .train import Forwardable

_REPORT_INTERVAL_S = 1.0
_SILENCE_S = 1.0
_MAX_TRACKS = 8
"SSRCs of one publisher: four in use with three layers, the rest for changes; more are dropped."


class Publisher:
    """Receives one publisher's packets. `now` is seconds of one monotonic clock everywhere."""

    def __init__(
        self,
        session_id: str,
        source: Source,
        plan: IngestPlan,
        *,
        sender_ssrc: int,
        keyframe_interval_s: float,
        order: int,
    ) -> None:
        """Prepare for the tracks of an accepted offer.

        Args:
            session_id: Names the session in events.
            source: Who sends; decides who wins a room.
            plan: What was negotiated.
            sender_ssrc: Our SSRC in the RTCP sent to this publisher.
            keyframe_interval_s: Least time between two key-frame requests.
            order: Grows with each publisher of a process; the later host wins.
        """
        self.session_id = session_id
        self.source = source
        self.plan = plan
        self.rank = (source == "host", order)
        self.started_at: float | None = None
        "Time of the first RTP packet."
        self.flowing_since: float | None = None
        "When packets began to flow, at first or after the last silence of over a second."
        self.last_rtp_at: float | None = None
        self.clock = PublisherClock()
        self.tracks: dict[int, UpTrack] = {}
        self.malformed = 0
        self.unknown = 0
        "Packets of no negotiated track."
        self.packets = 0
        self.keyframe_requests = 0
        self.nacked = 0
        "Packets asked for again."
        self.recovered = 0
        "Packets that came by retransmission."
        self.rtt_s: float | None = None
        "Round trip to the publisher, kept current by the owner."
        self._sender_ssrc = sender_ssrc
        self._keyframe_interval_s = keyframe_interval_s
        self._arrivals = ArrivalRecorder(sender_ssrc)
        self._reports_due_at: float | None = None
        self._fir_count = 0
        self._by_mid = {track.mid: track for track in plan.tracks}
        self._codecs = {
            codec.payload_type: (track, codec) for track in plan.tracks for codec in track.codecs
        }
        self._rtx_rids: dict[int, str] = {}
        "Layer repaired by an RTX stream; its packets name it only at first (RFC 8852 §4.3)."
        merged = {uri: ident for track in plan.tracks for uri, ident in track.extensions.items()}
        self._mid_id = merged.get(EXTENSION_MID)
        self._cc_id = merged.get(EXTENSION_TRANSPORT_CC)
        self._rid_id = merged.get(EXTENSION_RID)
        self._repaired_rid_id = merged.get(EXTENSION_REPAIRED_RID)

    @property
    def has_video(self) -> bool:
        """Whether video was negotiated."""
        return any(track.kind == "video" for track in self.plan.tracks)

    def track(self, kind: str) -> UpTrack | None:
        """The most recently fed track of `kind`, if it has sent anything."""
        found = [t for t in self.tracks.values() if t.kind == kind]
        return max(found, key=lambda t: t.last_at) if found else None

    def is_flowing(self, now: float, silence_s: float) -> bool:
        """Tell whether RTP arrived within the last `silence_s`."""
        return self.last_rtp_at is not None and now - self.last_rtp_at < silence_s

    def handle_rtp(self, data: bytes, now: float) -> tuple[UpTrack, Forwardable, bool] | None:
        """Take one unprotected packet.

        Returns:
            Its track, the packet to forward, and whether a key frame starts with it; None for
            packets that are malformed, too old or of no negotiated track (they are counted).
        """
        try:
            packet = parse_packet(data)
        except MalformedPacket:
            self.malformed += 1
            return None
        self._record_arrival(packet, now)
        planned = self._codecs.get(packet.payload_type)
        if planned is not None and planned[1].name == "rtx":
            return self._handle_retransmission(packet, planned[1], now)
        track = self._find_track(packet)
        if track is None:
            self.unknown += 1
            return None
        if self.started_at is None:
            self.started_at = now
            self._reports_due_at = now + _REPORT_INTERVAL_S
        if self.last_rtp_at is None or now - self.last_rtp_at > _SILENCE_S:
            self.flowing_since = now
        self.last_rtp_at = now
        self.packets += 1
        received = track.receive(packet, now)
        return None if received is None else (track, *received)

    def _handle_retransmission(
        self, packet: RtpPacket, rtx: RtpCodec, now: float
    ) -> tuple[UpTrack, Forwardable, bool] | None:
        """Take an RTX packet (RFC 4588): what is missing goes on, probes are dropped."""
        rid = self._repaired_rid(packet)
        repaired = [
            t
            for t in self.tracks.values()
            if t.rid == rid and str(t.codec.payload_type) == rtx.parameters.get("apt")
        ]
        # The SSRC of a layer may change; then the track of the old one is still known.
        track = max(repaired, key=lambda t: t.last_at, default=None)
        if track is None or len(packet.payload) < 2:
            return None
        sequence = packet.payload[0] << 8 | packet.payload[1]
        original = track.recover(sequence, packet, now)
        if original is None:
            return None
        self.recovered += 1
        received = track.receive(original, now)
        return None if received is None else (track, *received)

    def _repaired_rid(self, packet: RtpPacket) -> str:
        if self._repaired_rid_id is not None:
            named = packet.extensions.get(self._repaired_rid_id)
            if named and len(self._rtx_rids) < _MAX_TRACKS:
                self._rtx_rids[packet.ssrc] = named.decode("ascii", "replace")
        return self._rtx_rids.get(packet.ssrc, "")

    def handle_rtcp(self, packets: list[RtcpPacket], now: float) -> None:
        """Take a parsed compound packet of the publisher."""
        for packet in packets:
            if isinstance(packet, SenderReport) and packet.ssrc in self.tracks:
                self.tracks[packet.ssrc].sender_report(packet.ntp, packet.rtp_timestamp, now)

    def get_timer(self) -> float | None:
        """When `rtcp_to_send` next has something to say."""
        timers = [self._arrivals.get_timer(), self._reports_due_at]
        for track in self.tracks.values():
            if self._is_sending(track):
                timers.append(track.keyframes.get_timer())
            if track.can_nack:
                timers.append(track.loss.get_timer())
        return min((at for at in timers if at is not None), default=None)

    def rtcp_to_send(self, now: float) -> list[bytes]:
        """Write the RTCP that is due: feedback, reports, key-frame requests."""
        out: list[bytes] = []
        feedback = self._arrivals.report(next(iter(self.tracks), 0), now)
        if feedback is not None:
            out.append(feedback)
        if self._reports_due_at is not None and now >= self._reports_due_at:
            self._reports_due_at = now + _REPORT_INTERVAL_S
            blocks = tuple(track.report_block(now) for track in self.tracks.values())
            out.append(write_receiver_report(self._sender_ssrc, blocks))
        for track in self.tracks.values():
            lost = track.nacks_due(now, self.rtt_s)
            if lost:
                self.nacked += len(lost)
                out.append(write_nack(self._sender_ssrc, track.ssrc, lost))
            if self._is_sending(track) and track.keyframes.is_due(now):
                self.keyframe_requests += 1
                out.append(self._keyframe_request(track))
        return out

    def _is_sending(self, track: UpTrack) -> bool:
        """Whether a key frame can be asked for: not of a layer that the host has stopped.

        A request for one layer may bring key frames of all of them.
        """
        return self.last_rtp_at is None or self.last_rtp_at - track.last_at <= _SILENCE_S

    def _keyframe_request(self, track: UpTrack) -> bytes:
        """Write a PLI (RFC 4585 §6.3.1), or FIR (RFC 5104 §4.3.1) where only that was offered."""
        if "nack pli" in track.codec.feedback or "ccm fir" not in track.codec.feedback:
            return write_pli(self._sender_ssrc, track.ssrc)
        self._fir_count = self._fir_count + 1 & 0xFF
        return write_fir(self._sender_ssrc, [(track.ssrc, self._fir_count)])

    def _record_arrival(self, packet: RtpPacket, now: float) -> None:
        if self._cc_id is not None:
            value = packet.extensions.get(self._cc_id)
            if value is not None and len(value) == 2:
                self._arrivals.arrived(value[0] << 8 | value[1], now)

    def _find_track(self, packet: RtpPacket) -> UpTrack | None:
        """Find the packet's track by SSRC and payload type, or bind a new one (RFC 9143 §9.2)."""
        track = self.tracks.get(packet.ssrc)
        if track is not None and track.codec.payload_type == packet.payload_type:
            return track
        planned = self._planned(packet)
        if planned is None or (track is None and len(self.tracks) >= _MAX_TRACKS):
            return None
        section, codec = planned
        rid = self._rid(packet, section)
        if rid is None and track is not None and track.rid in section.rids:
            # Another codec of a layer that was named before (RFC 8852 §3.1: not in every packet).
            rid = track.rid
        if rid is None:
            return None
        track = UpTrack(
            section.kind, codec, packet.ssrc, self.clock, self._keyframe_interval_s, rid
        )
        self.tracks[packet.ssrc] = track
        return track

    def _rid(self, packet: RtpPacket, section: PlannedTrack) -> str | None:
        """Name the layer of a new SSRC; None if it must have a name and has none (RFC 8853)."""
        if not section.rids:
            return ""
        named = None if self._rid_id is None else packet.extensions.get(self._rid_id)
        rid = named.decode("ascii", "replace") if named else None
        return rid if rid in section.rids else None

    def _planned(self, packet: RtpPacket) -> tuple[PlannedTrack, RtpCodec] | None:
        """Find the section by MID, else by payload type, which is unique in the bundle."""
        named = None if self._mid_id is None else packet.extensions.get(self._mid_id)
        section = self._by_mid.get(named.decode("ascii", "replace")) if named else None
        if section is None:
            return self._codecs.get(packet.payload_type)
        codec = next((c for c in section.codecs if c.payload_type == packet.payload_type), None)
        return None if codec is None else (section, codec)
