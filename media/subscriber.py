"""One viewer (a WHEP session): its down tracks and the RTCP that goes to it and comes from it."""

from collections.abc import Mapping

import msgspec

from .clock import to_ntp
from .kernel import Lane
from .layers import LayerSelector
from .negotiation import EgressPlan
from .rtcp import (
    FullIntraRequest,
    Nack,
    PictureLossIndication,
    ReceiverReport,
    Remb,
    RtcpPacket,
    SenderReport,
    write_sdes,
    write_sender_report,
)
from .rtp import EXTENSION_ABS_SEND_TIME
from .tracks import DownTrack

_REPORT_INTERVAL_S = 2.0
_MAX_RESENDS_PER_S = 400
"About a third of 720p: more than that and retransmissions would feed the congestion."
_MIN_RESENDS_PER_S = 20
_RESEND_SHARE = 0.5
"Of a viewer's estimate, for the same reason: what a squeezed line lost would fill it for seconds."
_PACKET_BITS = 9000


class Wanted(msgspec.Struct, gc=False):
    """What a viewer's RTCP asks for."""

    keyframe: bool = False
    lost: list[int] = []
    "Sequence numbers of video packets to send again."


class Subscriber:
    """Follows one viewer. `now` is seconds of one monotonic clock everywhere."""

    def __init__(
        self,
        session_id: str,
        plan: EgressPlan,
        lanes: Mapping[str, Lane],
        *,
        rtx_lane: Lane | None = None,
        cname: str,
        first_index: int,
    ) -> None:
        """Prepare the tracks of an accepted offer.

        Args:
            session_id: Names the session.
            plan: What was negotiated.
            lanes: By kind, `audio` and `video`.
            rtx_lane: For retransmissions of video (RFC 4588), if they were negotiated.
            cname: As in the answer: audio and video of one CNAME are played in step
                (RFC 3550 §6.5.1).
            first_index: Where sequence numbers begin: random, at least 0.
        """
        self.session_id = session_id
        self.rtx_lane = rtx_lane
        self.rtx_index = first_index
        "Next sequence number of the retransmission stream, unwrapped."
        self.selector = LayerSelector()
        self.tracks: list[DownTrack] = []
        self.abs_send_time_ids: dict[str, int | None] = {}
        self.fraction_lost = 0.0
        "Newest share of lost video packets the viewer reported, 0..1."
        self.remb_bps: int | None = None
        "The viewer's newest estimate of what it can receive (REMB)."
        self.rtt_s: float | None = None
        self._cname = cname
        self._report_due_at: float | None = None
        self._resend_budget = float(_MAX_RESENDS_PER_S)
        self._resent_at = 0.0
        self._last_resent: dict[int, float] = {}
        for track in plan.tracks:
            lane = lanes[track.kind]
            self.tracks.append(DownTrack(track.kind, track.codecs, lane, first_index))
            self.abs_send_time_ids[track.kind] = track.extensions.get(EXTENSION_ABS_SEND_TIME)

    def track(self, kind: str) -> DownTrack | None:
        """The track of `kind`, if the viewer asked for one."""
        for track in self.tracks:
            if track.kind == kind:
                return track
        return None

    def started(self, now: float) -> None:
        """Note that a track began or changed: a sender report is due at once."""
        self._report_due_at = now

    def handle_rtcp(self, packets: list[RtcpPacket], ntp_now: int) -> Wanted:
        """Take a parsed compound packet; tells what the viewer asks for."""
        wanted = Wanted()
        video = self.track("video")
        for packet in packets:
            if isinstance(packet, PictureLossIndication | FullIntraRequest):
                wanted.keyframe = True
            elif isinstance(packet, Nack):
                if video is not None and packet.media_ssrc == video.lane.ssrc:
                    wanted.lost = [*wanted.lost, *packet.lost]
            elif isinstance(packet, Remb):
                self.remb_bps = packet.bitrate_bps
            elif isinstance(packet, ReceiverReport | SenderReport):
                self._take_reports(packet, ntp_now)
        return wanted

    def may_resend(self, sequence: int, now: float) -> bool:
        """Tell whether a lost packet may be sent again now; if so it counts.

        Not again within a round trip of the last time, and not more than the link should bear.
        """
        last = self._last_resent.get(sequence)
        if last is not None and now - last < max(0.02, 0.8 * (self.rtt_s or 0.05)):
            return False
        per_s = float(_MAX_RESENDS_PER_S)
        if self.remb_bps is not None:
            per_s = min(
                per_s, max(_MIN_RESENDS_PER_S, _RESEND_SHARE * self.remb_bps / _PACKET_BITS)
            )
        budget = self._resend_budget + (now - self._resent_at) * per_s
        self._resent_at = now
        self._resend_budget = min(budget, per_s)
        if self._resend_budget < 1:
            return False
        self._resend_budget -= 1
        if len(self._last_resent) > _MAX_RESENDS_PER_S:
            self._last_resent.clear()
        self._last_resent[sequence] = now
        return True

    def _take_reports(self, packet: ReceiverReport | SenderReport, ntp_now: int) -> None:
        video = self.track("video")
        for block in packet.reports:
            if block.lsr:
                # RFC 3550 §6.4.1: all three are middle 32 bits of NTP, 1/65536 s.
                round_trip = ((ntp_now >> 16) - block.lsr - block.dlsr) & 0xFFFFFFFF
                if round_trip < 0x80000000:
                    self.rtt_s = round_trip / 65536
            if video is not None and block.ssrc == video.lane.ssrc:
                self.fraction_lost = block.fraction_lost / 256

    def rtcp_to_send(self, now: float, unix_now: float) -> list[bytes]:
        """Write sender reports if due (every 2 s, and at once after a track began).

        They run on the server's clock: `unix_now` is the Unix time of `now`.
        """
        if self._report_due_at is None or now < self._report_due_at:
            return []
        self._report_due_at = now + _REPORT_INTERVAL_S
        out = []
        for track in self.tracks:
            timestamp = track.timestamp_at(now)
            if timestamp is None:
                continue
            lane = track.lane
            report = write_sender_report(
                lane.ssrc, to_ntp(unix_now), timestamp, lane.packets, lane.octets
            )
            out.append(report + write_sdes(lane.ssrc, self._cname))
        return out
