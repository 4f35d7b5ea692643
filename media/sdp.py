"""Session descriptions: SDP text to records (RFC 8866, RFC 8829, RFC 9143).

Knows the grammar, not the rules of WHIP and WHEP (`media.negotiation`) and not what this server
serves. Session-level transport attributes are already inherited into every section.

`parse_session_description` raises `InvalidOffer` and nothing else on any text. Its work is linear
in the size of the text, which is bounded by `MAX_CHARACTERS`, `MAX_LINES` and `MAX_SECTIONS`.
"""

import re
from collections.abc import Callable

from media.description import (
    Fingerprint,
    MediaSection,
    Rid,
    RtpCodec,
    SessionDescription,
    Simulcast,
    SsrcGroup,
)
from media.errors import InvalidOffer

__all__ = [
    "Fingerprint",
    "MediaSection",
    "Rid",
    "RtpCodec",
    "SessionDescription",
    "Simulcast",
    "SsrcGroup",
    "parse_session_description",
]

MAX_CHARACTERS = 64 * 1024
"A browser's offer has 2-7 kB; the longest seen, with every codec twice, about 15 kB."
MAX_LINES = 4096
MAX_SECTIONS = 64
MAX_SIMULCAST = 1024
"Characters of one direction's list; browsers write three rids."
MAX_FEEDBACK = 32
"`rtcp-fb` lines for one payload type; browsers write at most seven."

DIRECTIONS = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})
SETUPS = frozenset({"actpass", "active", "passive", "holdconn"})

_NAMES = {
    name.lower(): name
    for name in ("opus", "red", "rtx", "ulpfec", "VP8", "VP9", "AV1", "H264", "H265", "G722")
}
_FINGERPRINT_BYTES = {"sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64}

_PAYLOAD_TYPES = {str(number): number for number in range(128)}

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # a CR without its LF is one, too
_TOKEN = re.compile(r"[!#-'*+\-.0-9A-Z^-~]{1,64}").fullmatch  # RFC 8866 §9, token
_PROTOCOL = re.compile(r"[!#-'*+\-./0-9A-Z^-~]{1,64}").fullmatch
_ICE_UFRAG = re.compile(r"[A-Za-z0-9+/=_-]{4,256}").fullmatch  # = _ - are no ice-chars but seen
_ICE_PWD = re.compile(r"[A-Za-z0-9+/=_-]{22,256}").fullmatch
_RID = re.compile(r"[A-Za-z0-9_-]{1,255}").fullmatch
_HEX_PAIRS = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})*").fullmatch
_VISIBLE = re.compile(r"[!-~]{1,256}").fullmatch
_PRINTABLE = re.compile(r"[ -~]*").fullmatch


_MediaLine = tuple[str, int, str, tuple[str, ...]]


class _Scope:
    """What has been read of the session part or of one section, before it is frozen."""

    def __init__(self, media: _MediaLine | None = None) -> None:
        self.media = media or ("", 0, "", ())
        self.values: dict[str, str] = {}
        self.flags: set[str] = set()
        self.direction = ""
        self.fingerprints: list[Fingerprint] = []
        self.candidates: list[str] = []
        self.rtpmaps: dict[int, tuple[str, int, int]] = {}
        self.parameters: dict[int, dict[str, str]] = {}
        self.feedback: dict[int, list[str]] = {}
        self.extensions: dict[str, int] = {}
        self.extension_ids: set[int] = set()
        self.ssrcs: dict[int, None] = {}
        self.ssrc_groups: list[SsrcGroup] = []
        self.rids: dict[str, Rid] = {}
        self.bundle: tuple[str, ...] | None = None


def parse_session_description(text: str) -> SessionDescription:
    """Parse SDP text, lines ended by CRLF or LF.

    Raises:
        InvalidOffer: the text is malformed or exceeds a bound; the message names the line.
    """
    session = scope = _Scope()
    sections: list[_Scope] = []
    for number, line in enumerate(_split(text), 1):
        try:
            if line[:2] == "a=":
                _read_attribute(scope, line)
            elif line[:2] == "m=":
                scope = _Scope(_read_media(line[2:]))
                sections.append(scope)
            elif line and (line[1:2] != "=" or line[0] not in _LINE_TYPES):
                raise InvalidOffer("not a <type>=<value> line")
        except InvalidOffer as error:
            raise InvalidOffer(f"line {number}: {error}") from None
    if len(sections) > MAX_SECTIONS:
        raise InvalidOffer(f"more than {MAX_SECTIONS} m= sections")
    return _freeze_session(session, tuple(_freeze_section(s, session) for s in sections))


def _split(text: str) -> list[str]:
    if len(text) > MAX_CHARACTERS:
        raise InvalidOffer(f"more than {MAX_CHARACTERS} characters")
    text = text.replace("\r\n", "\n")
    if _CONTROL.search(text):
        raise InvalidOffer("a control character")
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        raise InvalidOffer(f"more than {MAX_LINES} lines")
    if lines[0] != "v=0":
        raise InvalidOffer("line 1: not v=0")
    return lines


def _read_attribute(scope: _Scope, line: str) -> None:
    name, _, value = line[2:].partition(":")
    read = _ATTRIBUTES.get(name)
    if read is not None:
        read(scope, value)
    elif name in DIRECTIONS:
        scope.direction = name
    elif name in _FLAGS:
        scope.flags.add(name)
    elif name in _VALUES:
        scope.values.setdefault(name, value)


def _read_media(value: str) -> _MediaLine:
    """Kind, port, protocol and formats."""
    kind, _, rest = value.partition(" ")
    port, _, rest = rest.partition(" ")
    protocol, *formats = rest.split() or ("",)
    if not (_TOKEN(kind) and _PROTOCOL(protocol)) or not 0 < len(formats) <= 256:
        raise InvalidOffer("malformed m= line")
    if "RTP/" in protocol:
        if len({_payload_type(f) for f in formats}) != len(formats):
            raise InvalidOffer("a payload type is repeated")
    elif not all(map(_TOKEN, formats)):
        raise InvalidOffer("malformed m= line")
    return kind, _number(port.partition("/")[0], 65535), protocol, tuple(formats)


def _read_rtpmap(scope: _Scope, value: str) -> None:
    payload_type, _, encoding = value.partition(" ")
    name, *numbers = encoding.strip().split("/")
    if not _TOKEN(name) or not 1 <= len(numbers) <= 2:
        raise InvalidOffer("malformed rtpmap")
    mapping = (
        _NAMES.get(name.lower(), name),
        _number(numbers[0], 2**31),
        _number(numbers[1], 255) if numbers[1:] else 1,
    )
    if scope.rtpmaps.setdefault(_payload_type(payload_type), mapping) != mapping:
        raise InvalidOffer("a payload type is mapped twice")


def _read_fmtp(scope: _Scope, value: str) -> None:
    payload_type, _, text = value.partition(" ")
    parameters = scope.parameters.setdefault(_payload_type(payload_type), {})
    for item in text.split(";"):
        name, _, setting = item.strip().partition("=")
        if name and not (_VISIBLE(name) and _PRINTABLE(setting)):
            raise InvalidOffer("malformed fmtp")
        if name:
            parameters[name.lower()] = setting


def _read_feedback(scope: _Scope, value: str) -> None:
    payload_type, _, text = value.partition(" ")
    key = -1 if payload_type == "*" else _payload_type(payload_type)
    known = scope.feedback.setdefault(key, [])
    if len(known) >= MAX_FEEDBACK:
        raise InvalidOffer("too many rtcp-fb lines")
    known.append(" ".join(text.split()))


def _read_extension(scope: _Scope, value: str) -> None:
    """`<id>[/<direction>] <URI> [<attributes>]`; of a repeated URI the first id counts."""
    identifier, *rest = value.split()[:2] or ("", "")
    if not rest or not _VISIBLE(rest[0]):
        raise InvalidOffer("malformed extmap")
    number = _number(identifier.partition("/")[0], 65535)
    if number in scope.extension_ids:
        raise InvalidOffer("an extension id is repeated")
    scope.extension_ids.add(number)
    scope.extensions.setdefault(rest[0], number)


def _read_fingerprint(scope: _Scope, value: str) -> None:
    algorithm, _, digest = value.strip().partition(" ")
    algorithm, digest = algorithm.lower(), digest.strip()
    size = _FINGERPRINT_BYTES.get(algorithm, (len(digest) + 1) // 3)
    if not _TOKEN(algorithm) or len(digest) != size * 3 - 1 or not _HEX_PAIRS(digest):
        raise InvalidOffer("malformed fingerprint")
    scope.fingerprints.append(Fingerprint(algorithm, digest.upper()))


def _read_ssrc(scope: _Scope, value: str) -> None:
    scope.ssrcs[_number(value.partition(" ")[0], 2**32 - 1)] = None


def _read_ssrc_group(scope: _Scope, value: str) -> None:
    semantics, *ssrcs = value.split() or ("",)
    if not _TOKEN(semantics):
        raise InvalidOffer("malformed ssrc-group")
    members = tuple(_number(ssrc, 2**32 - 1) for ssrc in ssrcs)
    scope.ssrc_groups.append(SsrcGroup(semantics, members))


def _read_rid(scope: _Scope, value: str) -> None:
    identifier, direction, restrictions, *_ = (*value.split(" ", 2), "", "")
    if not _RID(identifier) or direction not in {"send", "recv"} or identifier in scope.rids:
        raise InvalidOffer("malformed rid")
    scope.rids[identifier] = Rid(identifier, direction, restrictions)


def _read_group(scope: _Scope, value: str) -> None:
    semantics, *mids = value.split() or ("",)
    if semantics == "BUNDLE" and scope.bundle is None:
        scope.bundle = tuple(mids)


_ATTRIBUTES: dict[str, Callable[[_Scope, str], None]] = {
    "rtpmap": _read_rtpmap,
    "fmtp": _read_fmtp,
    "rtcp-fb": _read_feedback,
    "extmap": _read_extension,
    "fingerprint": _read_fingerprint,
    "ssrc": _read_ssrc,
    "ssrc-group": _read_ssrc_group,
    "rid": _read_rid,
    "group": _read_group,
    "candidate": lambda scope, value: scope.candidates.append(value),
}
_LINE_TYPES = "vosiuepcbtrzk"
_FLAGS = frozenset({"rtcp-mux", "rtcp-rsize", "bundle-only", "ice-lite", "extmap-allow-mixed"})
_VALUES = frozenset({"mid", "msid", "setup", "ice-ufrag", "ice-pwd", "ice-options", "simulcast"})


def _freeze_section(scope: _Scope, session: _Scope) -> MediaSection:
    kind, port, protocol, formats = scope.media
    values = {**session.values, **scope.values}
    return MediaSection(
        kind=kind,
        port=port,
        protocol=protocol,
        formats=formats,
        mid=_checked(scope.values.get("mid", ""), _TOKEN, "mid"),
        direction=scope.direction or session.direction or "sendrecv",
        codecs=_freeze_codecs(scope, formats),
        extensions={**session.extensions, **scope.extensions},
        msid=_read_msid(scope.values.get("msid")),
        ssrcs=tuple(scope.ssrcs),
        ssrc_groups=tuple(scope.ssrc_groups),
        rids=tuple(scope.rids.values()),
        simulcast=_read_simulcast(scope.values.get("simulcast")),
        setup=_checked(values.get("setup", ""), SETUPS.__contains__, "setup"),
        ice_ufrag=_checked(values.get("ice-ufrag", ""), _ICE_UFRAG, "ice-ufrag"),
        ice_pwd=_checked(values.get("ice-pwd", ""), _ICE_PWD, "ice-pwd"),
        fingerprints=tuple(scope.fingerprints or session.fingerprints),
        rtcp_mux="rtcp-mux" in scope.flags,
        rtcp_rsize="rtcp-rsize" in scope.flags,
        bundle_only="bundle-only" in scope.flags,
        candidates=tuple(scope.candidates),
    )


def _freeze_codecs(scope: _Scope, formats: tuple[str, ...]) -> tuple[RtpCodec, ...]:
    """Join what was said about each payload type, in the order of the `m=` line."""
    wildcard = scope.feedback.get(-1, [])
    codecs = []
    for payload_type in map(int, formats) if scope.rtpmaps else ():
        mapping = scope.rtpmaps.get(payload_type)
        if mapping is None:
            continue
        feedback = dict.fromkeys([*wildcard, *scope.feedback.get(payload_type, ())])
        parameters = scope.parameters.get(payload_type, {})
        codecs.append(RtpCodec(payload_type, *mapping, parameters, tuple(feedback)))
    return tuple(codecs)


def _freeze_session(session: _Scope, sections: tuple[MediaSection, ...]) -> SessionDescription:
    mids = [section.mid for section in sections if section.mid]
    if len(set(mids)) != len(mids):
        raise InvalidOffer("a mid is repeated")
    bundle = session.bundle or ()
    if len(set(bundle)) != len(bundle):
        raise InvalidOffer("malformed BUNDLE group")
    return SessionDescription(
        sections=sections,
        bundle=tuple(mid for mid in bundle if mid in mids),  # FFmpeg names absent ones
        ice_lite="ice-lite" in session.flags,
        ice_options=tuple(session.values.get("ice-options", "").split()),
        extmap_allow_mixed="extmap-allow-mixed" in session.flags,
    )


def _read_msid(value: str | None) -> tuple[str, str] | None:
    if value is None:
        return None
    stream, _, track = value.partition(" ")
    return stream, track.strip()


def _read_simulcast(value: str | None) -> Simulcast | None:
    """`send l;m,n;~h recv 1`: `;` parts streams, `,` alternatives, `~` marks a paused one."""
    if value is None:
        return None
    words = value.split()
    if len(words) not in {2, 4} or not set(words[::2]) <= {"send", "recv"}:
        raise InvalidOffer("malformed simulcast")
    lists = dict(zip(words[::2], map(_read_streams, words[1::2]), strict=True))
    return Simulcast(lists.get("send", ()), lists.get("recv", ()))


def _read_streams(text: str) -> tuple[tuple[str, ...], ...]:
    if len(text) > MAX_SIMULCAST or not all(map(_RID, re.split("[;,]~?", text.removeprefix("~")))):
        raise InvalidOffer("malformed simulcast")
    return tuple(tuple(stream.replace("~", "").split(",")) for stream in text.split(";"))


def _checked(value: str, is_valid: Callable[[str], object], name: str) -> str:
    """An attribute's value, or the empty string when the attribute is absent."""
    value = value.strip()
    if value and not is_valid(value):
        raise InvalidOffer(f"malformed {name}")
    return value


def _payload_type(text: str) -> int:
    number = _PAYLOAD_TYPES.get(text)
    if number is None:
        raise InvalidOffer("not a payload type")
    return number


def _number(text: str, maximum: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise InvalidOffer("not a number")
    number = int(text)
    if number > maximum:
        raise InvalidOffer("a number is out of range")
    return number
