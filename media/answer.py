"""Plans to answers: the SDP text a WHIP or WHEP client gets back.

Written as text, field by field: no library's answer carries all of what RFC 9725 wants
(rtcp-mux-only, rtcp-rsize, transport-cc, one msid). No state; ids and addresses are arguments.
"""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from media.candidates import IceTransport, LocalCandidates, write_candidates
from media.description import Fingerprint, MediaSection, RtpCodec, SessionDescription
from media.negotiation import EgressPlan, IngestPlan, PlannedTrack

_START_KBPS = "1500"
"""Where libwebrtc's encoder begins. By itself it begins at 300 kbit/s, cuts a 720p camera to
180x320 at 10 frames/s and needs more than 20 s to come back; told so, it sends 720p from the first
second (measured with Chromium 156 on loopback)."""


class LocalTransport(msgspec.Struct, frozen=True):
    """Our end of a session's transport."""

    ice_ufrag: str
    ice_pwd: str
    fingerprint: Fingerprint
    "SHA-256 of the server's certificate."
    addresses: tuple[tuple[str, int], ...]
    "Host candidates (address, port), the preferred first; at least one."
    transports: tuple[IceTransport, ...] = ("udp",)
    "Of the candidates."


class EgressStream(msgspec.Struct, frozen=True):
    """The RTP stream a subscriber gets for one track."""

    ssrc: int
    rtx_ssrc: int | None = None
    "Of its retransmissions (RFC 4588), if they were negotiated."


def write_ingest_answer(
    offer: SessionDescription, plan: IngestPlan, local: LocalTransport, session_id: int
) -> str:
    """Write the answer to a WHIP offer.

    Args:
        offer: what `plan` was made from; its rejected sections are repeated with port 0.
        plan: of `plan_ingest`.
        local: our credentials and addresses.
        session_id: of the `o=` line, below 2**62 (RFC 8829 §5.2.1).
    """
    tracks = tuple(_hastened(track, offer.sections[track.index]) for track in plan.tracks)
    hastened = msgspec.structs.replace(plan, tracks=tracks)
    return _write(offer, hastened, local, session_id, _receiving_lines)


def write_egress_answer(
    offer: SessionDescription,
    plan: EgressPlan,
    local: LocalTransport,
    session_id: int,
    streams: Mapping[str, EgressStream],
    cname: str,
    msid: str,
) -> str:
    """Write the answer to a WHEP offer.

    Args:
        offer: what `plan` was made from; its rejected sections are repeated with port 0.
        plan: of `plan_egress`.
        local: our credentials and addresses.
        session_id: of the `o=` line, below 2**62 (RFC 8829 §5.2.1).
        streams: by kind, one for each track of the plan.
        cname: of all streams (RFC 3550 §6.5.1): they are played in synchrony.
        msid: the one MediaStream's id; tracks are named by their kind.
    """

    def sending(track: PlannedTrack) -> list[str]:
        stream = streams[track.kind]
        lines = ["a=sendonly", f"a=msid:{msid} {track.kind}"]
        # The media's line stands first: libwebrtc takes the first SSRC named for the primary one.
        named = [stream.ssrc]
        if stream.rtx_ssrc is not None:
            lines.append(f"a=ssrc-group:FID {stream.ssrc} {stream.rtx_ssrc}")
            named.append(stream.rtx_ssrc)
        return lines + [f"a=ssrc:{ssrc} cname:{cname}" for ssrc in named]

    return _write(offer, plan, local, session_id, sending)


def _write(
    offer: SessionDescription,
    plan: IngestPlan | EgressPlan,
    local: LocalTransport,
    session_id: int,
    media_lines: Callable[[PlannedTrack], list[str]],
) -> str:
    tracks = {track.index: track for track in plan.tracks}
    lines = ["v=0", f"o=- {session_id} 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=ice-lite"]
    bundled = [track.mid for track in plan.tracks if track.mid in offer.bundle]
    if bundled:
        lines.append("a=group:BUNDLE " + " ".join(bundled))
    for index, section in enumerate(offer.sections):
        track = tracks.get(index)
        if track is None:
            lines += _rejected_section(section)
            continue
        lines += _transport_lines(section, track, plan, local)
        lines += media_lines(track)
        lines += [f"a=extmap:{identifier} {uri}" for uri, identifier in track.extensions.items()]
        lines += [line for codec in track.codecs for line in _codec_lines(codec)]
        if track is plan.tracks[0]:
            lines += write_candidates(LocalCandidates(local.addresses, local.transports))
    return "\r\n".join(lines) + "\r\n"


def _hastened(track: PlannedTrack, section: MediaSection) -> PlannedTrack:
    """Tell libwebrtc, known by its own kind of feedback, where to start its video bitrate."""
    is_libwebrtc = any("goog-remb" in codec.feedback for codec in section.codecs)
    if track.kind != "video" or not is_libwebrtc:
        return track
    codecs = tuple(
        codec
        if codec.name == "rtx"
        else msgspec.structs.replace(
            codec, parameters={**codec.parameters, "x-google-start-bitrate": _START_KBPS}
        )
        for codec in track.codecs
    )
    return msgspec.structs.replace(track, codecs=codecs)


def _receiving_lines(track: PlannedTrack) -> list[str]:
    """Direction and accepted layers (RFC 8853 §5.3.2)."""
    layers = [f"a=rid:{rid} recv" for rid in track.rids]
    if layers:
        layers.append("a=simulcast:recv " + ";".join(track.rids))
    return ["a=recvonly", *layers]


def _rejected_section(section: MediaSection) -> Iterator[str]:
    yield f"m={section.kind} 0 {section.protocol} {' '.join(section.formats)}"
    yield "c=IN IP4 0.0.0.0"
    if section.mid:
        yield f"a=mid:{section.mid}"
    yield "a=inactive"


def _transport_lines(
    section: MediaSection,
    track: PlannedTrack,
    plan: IngestPlan | EgressPlan,
    local: LocalTransport,
) -> Iterator[str]:
    address, port = local.addresses[0]  # the default destination is a candidate (RFC 8839 §4.2.1)
    formats = " ".join(str(codec.payload_type) for codec in track.codecs)
    yield f"m={section.kind} {port} {section.protocol} {formats}"
    yield f"c=IN {'IP6' if ':' in address else 'IP4'} {address}"
    if track.mid:
        yield f"a=mid:{track.mid}"
    yield f"a=ice-ufrag:{local.ice_ufrag}"
    yield f"a=ice-pwd:{local.ice_pwd}"
    yield f"a=fingerprint:{local.fingerprint.algorithm} {local.fingerprint.value}"
    yield "a=setup:" + ("passive" if plan.transport.dtls_role == "server" else "active")
    yield "a=rtcp-mux"
    yield "a=rtcp-mux-only"
    if section.rtcp_rsize:
        yield "a=rtcp-rsize"


def _codec_lines(codec: RtpCodec) -> Iterator[str]:
    channels = f"/{codec.channels}" if codec.channels > 1 else ""
    yield f"a=rtpmap:{codec.payload_type} {codec.name}/{codec.clock_rate}{channels}"
    for feedback in codec.feedback:
        yield f"a=rtcp-fb:{codec.payload_type} {feedback}"
    if codec.parameters:
        pairs = (f"{name}={value}" if value else name for name, value in codec.parameters.items())
        yield f"a=fmtp:{codec.payload_type} {';'.join(pairs)}"
