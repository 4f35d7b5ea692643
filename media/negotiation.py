"""Offers to plans: what of a WHIP or WHEP offer this server accepts (RFC 9725, RFC 3264).

Knows the rules of both protocols and what is served; `media.sdp` knows the text before it and
`media.answer` the text after it. No state, no ids, no addresses.
"""

from collections.abc import Iterable, Sequence

import msgspec

from media.codecs import is_served, match_codec, packetization_mode
from media.description import Fingerprint, MediaSection, RtpCodec, SessionDescription
from media.errors import InvalidOffer, UnsupportedCodec, UnsupportedOffer
from media.rtp import EXTENSION_ABS_SEND_TIME as ABS_SEND_TIME
from media.rtp import EXTENSION_MID as MID
from media.rtp import EXTENSION_REPAIRED_RID as REPAIRED_RID
from media.rtp import EXTENSION_RID as RID
from media.rtp import EXTENSION_TRANSPORT_CC as TRANSPORT_CC

__all__ = [
    "ABS_SEND_TIME",
    "MID",
    "REPAIRED_RID",
    "RID",
    "TRANSPORT_CC",
    "EgressPlan",
    "IngestPlan",
    "PlannedTrack",
    "TransportPlan",
    "match_codec",
    "plan_egress",
    "plan_ingest",
]

AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"

_KINDS = ("audio", "video")
_PROTOCOLS = frozenset(  # RFC 8829 §5.1.2: all of these mean DTLS-SRTP when a fingerprint is there
    {"UDP/TLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF", "RTP/SAVP"}
)
_STRONG_HASHES = frozenset({"sha-256", "sha-384", "sha-512"})
_DTLS_ROLES = {"actpass": "server", "active": "server", "": "server", "passive": "client"}
_MAX_LAYERS = 3
_MAX_EXTENSION_ID = 14  # the answers allow one-byte header extensions only (RFC 8285 §4.2)


class TransportPlan(msgspec.Struct, frozen=True):
    """The one ICE and DTLS transport that carries every accepted section."""

    remote_ufrag: str
    remote_pwd: str
    fingerprints: tuple[Fingerprint, ...]
    "Of the peer's certificate; only SHA-256 and stronger, one at least."
    dtls_role: str
    "Ours: `server` (we answer passive) or `client` (active)."


class PlannedTrack(msgspec.Struct, frozen=True):
    """An accepted `m=` section."""

    kind: str
    mid: str
    "Empty if the offer has a single section without one."
    index: int
    "Of the section in the offer."
    codecs: tuple[RtpCodec, ...]
    "Accepted, in offer order with the offer's payload types; `feedback` only what is served."
    extensions: dict[str, int]
    rids: tuple[str, ...] = ()
    "Simulcast layers accepted from a publisher (RFC 8853), in the offer's order; mostly none."


class IngestPlan(msgspec.Struct, frozen=True):
    """What is accepted from a publisher."""

    transport: TransportPlan
    tracks: tuple[PlannedTrack, ...]
    "At most one of audio and one of video, in offer order."
    ssrcs: dict[int, str]
    "Signalled SSRC to mid; empty if the offer names none (simulcast, FFmpeg)."


class EgressPlan(msgspec.Struct, frozen=True):
    """What a subscriber can be sent."""

    transport: TransportPlan
    tracks: tuple[PlannedTrack, ...]


class _Rules(msgspec.Struct, frozen=True):
    directions: frozenset[str]
    extensions: frozenset[str]
    feedback: dict[str, frozenset[str]]


_INGEST = _Rules(
    directions=frozenset({"sendonly", "sendrecv"}),
    extensions=frozenset({MID, RID, REPAIRED_RID, TRANSPORT_CC, ABS_SEND_TIME, AUDIO_LEVEL}),
    feedback={
        "audio": frozenset({"transport-cc"}),
        "video": frozenset({"transport-cc", "goog-remb", "ccm fir", "nack", "nack pli"}),
    },
)
_EGRESS = _Rules(
    directions=frozenset({"recvonly", "sendrecv"}),
    extensions=frozenset({MID, ABS_SEND_TIME}),
    feedback={
        "audio": frozenset(),
        "video": frozenset({"goog-remb", "ccm fir", "nack", "nack pli"}),
    },
)


def plan_ingest(
    offer: SessionDescription, *, retransmission: bool = False, simulcast: bool = False
) -> IngestPlan:
    """Plan the answer to a WHIP offer.

    Args:
        offer: as parsed.
        retransmission: accept generic NACK and RTX, which the caller then has to serve.
        simulcast: accept the layers of a video section; without it a sender whose rids the
            answer leaves out sends one layer.

    Raises:
        InvalidOffer: it breaks a rule of RFC 9725 or lacks what DTLS and ICE need.
        UnsupportedOffer: it has more tracks than one of a kind, or none.
        UnsupportedCodec: a section has no codec in common; nothing is accepted in part
            (RFC 9725 §4.4.3).
    """
    sections = _media_sections(offer, _INGEST)
    tracks = [_plan_track(offer, i, _INGEST, retransmission=retransmission) for i in sections]
    for track in tracks:
        if not track.codecs:
            raise UnsupportedCodec(f"no codec of the {track.kind} section is served")
    if simulcast:
        tracks = [_with_layers(offer.sections[track.index], track) for track in tracks]
    return IngestPlan(
        transport=_plan_transport(offer, tracks),
        tracks=_without_conflicts(tracks),
        ssrcs=_map_ssrcs(offer, tracks),
    )


def plan_egress(offer: SessionDescription, *, retransmission: bool = False) -> EgressPlan:
    """Plan the answer to a WHEP offer.

    Every common codec is accepted, so that a publisher may change codec without a new offer. A
    section with none is left out, and the answer rejects it alone.

    Args:
        offer: as parsed.
        retransmission: accept generic NACK and RTX, which the caller then has to serve.

    Raises:
        InvalidOffer: it breaks a rule of WHEP or lacks what DTLS and ICE need.
        UnsupportedOffer: it has more tracks than one of a kind, or none.
        UnsupportedCodec: no section has a codec in common.
    """
    sections = _media_sections(offer, _EGRESS)
    planned = (_plan_track(offer, i, _EGRESS, retransmission=retransmission) for i in sections)
    tracks = [track for track in planned if track.codecs]
    if not tracks:
        raise UnsupportedCodec("no codec of any section is served")
    return EgressPlan(transport=_plan_transport(offer, tracks), tracks=_without_conflicts(tracks))


def _media_sections(offer: SessionDescription, rules: _Rules) -> list[int]:
    """Indices of the audio and video sections that are on, checked against the rules."""
    found: dict[str, int] = {}
    for index, section in enumerate(offer.sections):
        if section.is_rejected or section.kind not in _KINDS:
            continue
        if section.kind in found:
            raise UnsupportedOffer(f"more than one {section.kind} section")
        if section.protocol not in _PROTOCOLS:
            raise UnsupportedOffer(f"the {section.kind} section is not DTLS-SRTP")
        if section.direction not in rules.directions:
            raise InvalidOffer(f"the {section.kind} section is {section.direction}")
        found[section.kind] = index
    if not found:
        raise UnsupportedOffer("no audio or video section")
    return list(found.values())


def _plan_track(
    offer: SessionDescription, index: int, rules: _Rules, *, retransmission: bool
) -> PlannedTrack:
    section = offer.sections[index]
    extensions = {
        uri: identifier
        for uri, identifier in section.extensions.items()
        if uri in rules.extensions and 1 <= identifier <= _MAX_EXTENSION_ID
    }
    wanted = rules.feedback[section.kind]
    if TRANSPORT_CC not in extensions:
        wanted -= {"transport-cc"}
    if not retransmission:
        wanted -= {"nack"}
    codecs = tuple(
        msgspec.structs.replace(codec, feedback=_choose_feedback(codec, wanted))
        for codec in _choose_codecs(section, retransmission=retransmission)
    )
    if not any("transport-cc" in codec.feedback for codec in codecs):
        extensions.pop(TRANSPORT_CC, None)
    return PlannedTrack(section.kind, section.mid, index, codecs, extensions)


def _with_layers(section: MediaSection, track: PlannedTrack) -> PlannedTrack:
    """Accept the layers a video section offers, the first of each list of alternatives.

    Their packets are told apart by the RID header extension, so it must be there.
    """
    if track.kind != "video" or section.simulcast is None or RID not in track.extensions:
        return track
    declared = {rid.identifier for rid in section.rids if rid.direction == "send"}
    offered = [group[0].removeprefix("~") for group in section.simulcast.send if group]
    rids = tuple(rid for rid in offered if rid in declared)[:_MAX_LAYERS]
    return msgspec.structs.replace(track, rids=rids) if len(rids) > 1 else track


def _choose_codecs(section: MediaSection, *, retransmission: bool) -> list[RtpCodec]:
    """Served codecs in offer order; H264 mode 0 only where the section has nothing else."""
    served = [codec for codec in section.codecs if is_served(codec)]
    served = [
        codec for codec in served if codec.name != "H264" or packetization_mode(codec) == 1
    ] or served
    kept = {str(codec.payload_type) for codec in served}
    if retransmission:
        kept |= {
            str(codec.payload_type)
            for codec in section.codecs
            if codec.name == "rtx" and codec.parameters.get("apt") in kept
        }
    return [codec for codec in section.codecs if str(codec.payload_type) in kept]


def _choose_feedback(codec: RtpCodec, wanted: frozenset[str]) -> tuple[str, ...]:
    """REMB only without transport-cc: with both, libwebrtc's sender follows transport-cc."""
    if codec.name == "rtx":
        return ()
    if "transport-cc" in wanted and "transport-cc" in codec.feedback:
        wanted -= {"goog-remb"}
    return tuple(value for value in codec.feedback if value in wanted)


def _plan_transport(offer: SessionDescription, tracks: Sequence[PlannedTrack]) -> TransportPlan:
    sections = [offer.sections[track.index] for track in tracks]
    carrier = _carrier(offer, sections)
    if offer.ice_lite:
        raise InvalidOffer("the offerer is ICE-lite, as is this server")
    if not (carrier.ice_ufrag and carrier.ice_pwd):
        raise InvalidOffer("no ICE credentials")
    if not carrier.fingerprints:
        raise InvalidOffer("no certificate fingerprint")
    strong = tuple(f for f in carrier.fingerprints if f.algorithm in _STRONG_HASHES)
    if not strong:
        raise UnsupportedOffer("no fingerprint of SHA-256 or stronger")
    role = _DTLS_ROLES.get(carrier.setup)
    if role is None:
        raise InvalidOffer(f"setup is {carrier.setup}")
    return TransportPlan(carrier.ice_ufrag, carrier.ice_pwd, strong, role)


def _carrier(offer: SessionDescription, sections: Sequence[MediaSection]) -> MediaSection:
    """Return the section whose transport carries all: the first of the BUNDLE group.

    A bundle-only section may leave out every transport attribute (RFC 9143 §7.1.1, §7.1.3).
    """
    if len(sections) > 1 and not all(s.mid and s.mid in offer.bundle for s in sections):
        raise InvalidOffer("the sections are not in one BUNDLE group")
    bundled = [s for s in offer.sections if s.mid in offer.bundle and not s.is_rejected]
    tagged = min(bundled, key=lambda s: offer.bundle.index(s.mid), default=None)
    carrier = tagged if tagged and sections[0] in bundled else sections[0]
    if not all(s.rtcp_mux or (s.bundle_only and s is not carrier) for s in sections):
        raise InvalidOffer("a section without rtcp-mux")
    return carrier


def _without_conflicts(tracks: Sequence[PlannedTrack]) -> tuple[PlannedTrack, ...]:
    """Check what BUNDLE makes common: payload types and extension ids (RFC 9143 §9.1, §9.2)."""
    payload_types = [codec.payload_type for track in tracks for codec in track.codecs]
    if _has_repeats(payload_types):
        raise InvalidOffer("two sections share a payload type")
    extensions = {pair for track in tracks for pair in track.extensions.items()}
    if _has_repeats(identifier for _, identifier in extensions):
        raise InvalidOffer("an extension id has two meanings")
    return tuple(tracks)


def _map_ssrcs(offer: SessionDescription, tracks: Sequence[PlannedTrack]) -> dict[int, str]:
    pairs = [(ssrc, track.mid) for track in tracks for ssrc in offer.sections[track.index].ssrcs]
    if _has_repeats(ssrc for ssrc, _ in pairs):
        raise InvalidOffer("two sections share an SSRC")
    return dict(pairs)


def _has_repeats(values: Iterable[int]) -> bool:
    seen = list(values)
    return len(set(seen)) != len(seen)
