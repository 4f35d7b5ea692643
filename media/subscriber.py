"""One viewer (a WHEP session): its down tracks and the RTCP that goes to it."""

from collections.abc import Mapping

from .clock import to_ntp
from .kernel import Lane
from .negotiation import EgressPlan
from .rtcp import (
    FullIntraRequest,
    PictureLossIndication,
    ReceiverReport,
    RtcpPacket,
    SenderReport,
    write_sdes,
    write_sender_report,
)
from .rtp import EXTENSION_ABS_SEND_TIME
from .tracks import DownTrack

_REPORT_INTERVAL_S = 2.0


class Subscriber:
    """Follows one viewer. `now` is seconds of one monotonic clock everywhere."""

    def __init__(
        self,
        session_id: str,
        plan: EgressPlan,
        lanes: Mapping[str, Lane],
        *,
        cname: str,
        first_index: int,
    ) -> None:
        """Prepare the tracks of an accepted offer.

        Args:
            session_id: Names the session.
            plan: What was negotiated.
            lanes: By kind, `audio` and `video`.
            cname: As in the answer: audio and video of one CNAME are played in step
                (RFC 3550 §6.5.1).
            first_index: Where sequence numbers begin: random, at least 0.
        """
        self.session_id = session_id
        self._cname = cname
        self.tracks: list[DownTrack] = []
        self.abs_send_time_ids: dict[str, int | None] = {}
        self.fraction_lost = 0.0
        "Newest share of lost video packets the viewer reported, 0..1."
        self.rtt_s: float | None = None
        self._report_due_at: float | None = None
        for track in plan.tracks:
            lane = lanes[track.kind]
            self.tracks.append(DownTrack(track.kind, track.codecs, lane, first_index))
            self.abs_send_time_ids[track.kind] = track.extensions.get(EXTENSION_ABS_SEND_TIME)

    def track(self, kind: str) -> DownTrack | None:
        """The track of `kind`, if the viewer asked for one."""
        return next((track for track in self.tracks if track.kind == kind), None)

    def started(self, now: float) -> None:
        """Note that a track began or changed: a sender report is due at once."""
        self._report_due_at = now

    def handle_rtcp(self, packets: list[RtcpPacket], ntp_now: int) -> bool:
        """Take a parsed compound packet; tells whether the viewer asks for a key frame."""
        wants_keyframe = False
        for packet in packets:
            if isinstance(packet, PictureLossIndication | FullIntraRequest):
                wants_keyframe = True
            elif isinstance(packet, ReceiverReport | SenderReport):
                self._take_reports(packet, ntp_now)
        return wants_keyframe

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
