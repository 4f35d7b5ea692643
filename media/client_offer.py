"""The client's half of SDP: writes a one-audio, one-video offer and reads the answer to it.

For the demo host, the load tool, tests and nodes that pull from each other. Offers carry no
candidates: the server is ICE-lite and learns the address from the first check.
"""

import ipaddress
from typing import Literal

import msgspec

from .description import Fingerprint, MediaSection, RtpCodec
from .errors import InvalidOffer
from .rtp import EXTENSION_ABS_SEND_TIME, EXTENSION_MID, EXTENSION_TRANSPORT_CC
from .sdp import parse_session_description

Address = tuple[str, int]
Kind = Literal["audio", "video"]
Direction = Literal["sendonly", "recvonly"]
Setup = Literal["actpass", "active", "passive"]

_FEEDBACK = ("goog-remb", "transport-cc", "ccm fir", "nack", "nack pli")
_H264 = {"level-asymmetry-allowed": "1", "packetization-mode": "1", "profile-level-id": "42e01f"}

CODECS: dict[str, RtpCodec] = {
    codec.name: codec
    for codec in (
        RtpCodec(111, "opus", 48000, 2, {"minptime": "10", "useinbandfec": "1"}, ("transport-cc",)),
        RtpCodec(96, "VP8", 90000, 1, {}, _FEEDBACK),
        RtpCodec(102, "H264", 90000, 1, _H264, _FEEDBACK),
        RtpCodec(98, "VP9", 90000, 1, {"profile-id": "0"}, _FEEDBACK),
        RtpCodec(45, "AV1", 90000, 1, {}, _FEEDBACK),
    )
}
"What this client can offer, by canonical name, with the payload types Chromium uses."

EXTENSIONS = {EXTENSION_ABS_SEND_TIME: 2, EXTENSION_TRANSPORT_CC: 3, EXTENSION_MID: 4}


class OfferedTrack(msgspec.Struct, frozen=True):
    """One m-section of the offer."""

    kind: Kind
    codecs: tuple[str, ...]
    "Keys of `CODECS`, best first."
    ssrc: int | None = None
    "Of the stream to be sent; None when receiving."


class LocalDescription(msgspec.Struct, frozen=True):
    """The transport's half of the offer."""

    ice_ufrag: str
    ice_pwd: str
    fingerprint: Fingerprint
    session_id: int
    cname: str = "client"
    setup: Setup = "actpass"
    "FFmpeg offers `passive`."


class AnsweredTrack(msgspec.Struct, frozen=True):
    """One accepted m-section."""

    kind: Kind
    mid: str
    codecs: tuple[RtpCodec, ...]
    "Accepted payload types, retransmission formats left out; the first is the one to send."
    extensions: dict[str, int]
    ssrc: int | None
    "What the server will send with, if it said so."


class Answer(msgspec.Struct, frozen=True):
    """What the server agreed to."""

    tracks: dict[Kind, AnsweredTrack]
    ice_ufrag: str
    ice_pwd: str
    candidates: list[Address]
    "UDP addresses, highest priority first."
    tcp_candidates: list[Address]
    "Addresses that take TCP connections, highest priority first."
    fingerprints: tuple[Fingerprint, ...]
    dtls_role: Literal["client", "server"]
    "Ours."


def write_offer(
    direction: Direction, tracks: tuple[OfferedTrack, ...], local: LocalDescription
) -> str:
    """Write an offer with one bundled section per track; its mids are "0", "1", ..."""
    mids = " ".join(str(index) for index in range(len(tracks)))
    lines = [
        "v=0",
        f"o=- {local.session_id} 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        f"a=group:BUNDLE {mids}",
        "a=extmap-allow-mixed",
        "a=msid-semantic: WMS *",
    ]
    for mid, track in enumerate(tracks):
        lines += _section(mid, direction, track, local)
    return "\r\n".join(lines) + "\r\n"


def _section(
    mid: int, direction: Direction, track: OfferedTrack, local: LocalDescription
) -> list[str]:
    codecs = [CODECS[name] for name in track.codecs]
    if direction == "recvonly" and track.kind == "video":
        # As browsers do; a server pads and stamps packets only for viewers that take RTX.
        codecs = [offered for codec in codecs for offered in (codec, _retransmission(codec))]
    formats = " ".join(str(codec.payload_type) for codec in codecs)
    lines = [
        f"m={track.kind} 9 UDP/TLS/RTP/SAVPF {formats}",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        f"a=ice-ufrag:{local.ice_ufrag}",
        f"a=ice-pwd:{local.ice_pwd}",
        "a=ice-options:trickle",
        f"a=fingerprint:{local.fingerprint.algorithm} {local.fingerprint.value}",
        f"a=setup:{local.setup}",
        f"a=mid:{mid}",
        *(f"a=extmap:{number} {uri}" for uri, number in EXTENSIONS.items()),
        f"a={direction}",
        "a=rtcp-mux",
        "a=rtcp-rsize",
    ]
    for codec in codecs:
        lines += _codec(codec)
    if track.ssrc is not None:
        lines += [f"a=msid:{local.cname} {track.kind}", f"a=ssrc:{track.ssrc} cname:{local.cname}"]
    return lines


def _retransmission(codec: RtpCodec) -> RtpCodec:
    """The RTX format of a codec (RFC 4588 §8), numbered as Chromium does."""
    apt = codec.payload_type
    return RtpCodec(apt + 1, "rtx", codec.clock_rate, 1, {"apt": str(apt)})


def _codec(codec: RtpCodec) -> list[str]:
    channels = f"/{codec.channels}" if codec.channels > 1 else ""
    lines = [f"a=rtpmap:{codec.payload_type} {codec.name}/{codec.clock_rate}{channels}"]
    if codec.parameters:
        pairs = ";".join(f"{key}={value}" for key, value in codec.parameters.items())
        lines.append(f"a=fmtp:{codec.payload_type} {pairs}")
    return lines + [f"a=rtcp-fb:{codec.payload_type} {feedback}" for feedback in codec.feedback]


def read_answer(text: str) -> Answer:
    """Read the server's answer.

    Raises:
        InvalidOffer: it is malformed, or accepts nothing, or names no fingerprint.
    """
    sections = [s for s in parse_session_description(text).sections if not s.is_rejected]
    tracks = {kind: track for section in sections for kind, track in _accepted(section)}
    if not tracks:
        raise InvalidOffer("the answer accepts no track")
    # BUNDLE: the first accepted section carries the transport of all (RFC 9143 §9.2).
    transport = sections[0]
    if not (transport.fingerprints and transport.ice_ufrag and transport.ice_pwd):
        raise InvalidOffer("the answer has no transport")
    return Answer(
        tracks=tracks,
        ice_ufrag=transport.ice_ufrag,
        ice_pwd=transport.ice_pwd,
        candidates=_addresses(transport.candidates, "udp"),
        tcp_candidates=_addresses(transport.candidates, "tcp"),
        fingerprints=transport.fingerprints,
        dtls_role="server" if transport.setup == "active" else "client",
    )


def _accepted(section: MediaSection) -> list[tuple[Kind, AnsweredTrack]]:
    codecs = tuple(codec for codec in section.codecs if codec.name in CODECS)
    kind: Kind = "audio" if section.kind == "audio" else "video"
    if section.kind not in {"audio", "video"} or section.direction == "inactive" or not codecs:
        return []
    ssrc = section.ssrcs[0] if section.ssrcs else None
    return [(kind, AnsweredTrack(kind, section.mid, codecs, section.extensions, ssrc))]


def _addresses(candidates: tuple[str, ...], transport: str) -> list[Address]:
    """Return the usable ones of `a=candidate` values (RFC 8839 §5.1), best first.

    Of TCP only passive ones: those are what a client connects to (RFC 6544 §4.5).
    """
    found: list[tuple[int, tuple[str, int]]] = []
    for value in candidates:
        words = value.split()
        if len(words) < 6 or words[1] != "1" or words[2].lower() != transport:
            continue
        if transport == "tcp" and words[-2:] != ["tcptype", "passive"]:
            continue
        if words[3].isdigit() and words[5].isdigit() and _is_address(words[4]):
            found.append((int(words[3]), (words[4], int(words[5]))))
    return [address for _, address in sorted(found, key=lambda item: -item[0])]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
