"""Trickle fragments: the bodies of a session's PATCH (RFC 8840 §9, RFC 9725 §4.3).

`parse_fragment` reads one, `write_fragment` writes the answer to an ICE restart, and `judge`
says what a fragment asks for. Candidates are checked by nobody and kept by nobody: this server
is ICE-lite and learns a peer's addresses from the peer's own checks, so one that cannot be used
(TCP, a name, link-local, another component) is skipped by nature (RFC 8840 §4.4).
"""

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from media.candidates import LocalCandidates, write_candidates
from media.errors import FragmentPreconditionFailed, FragmentPreconditionMissing, InvalidFragment

CONTENT_TYPE = "application/trickle-ice-sdpfrag"
MAX_CHARACTERS = 16 * 1024
"A browser's fragment of twenty candidates has about 2 kB."
MAX_LINES = 512

Wish = Literal["trickle", "restart", "repeat"]
"More candidates; new credentials; or the last restart again, its answer having been lost."

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_UFRAG = re.compile(r"[A-Za-z0-9+/=_-]{4,256}").fullmatch  # = _ - are no ice-chars but seen
_PWD = re.compile(r"[A-Za-z0-9+/=_-]{22,256}").fullmatch
_LINE = re.compile(r"[a-z]=").match


class Fragment(msgspec.Struct, frozen=True):
    """A parsed fragment."""

    ice_ufrag: str
    "Empty if the fragment names none."
    ice_pwd: str
    candidates: int
    "How many `a=candidate` lines it has, usable or not."
    is_last: bool
    "Whether `a=end-of-candidates` stands in it."


class RemoteIce(msgspec.Struct, frozen=True):
    """What a fragment is judged against: the session's ICE as the peer may know it."""

    etag: str
    "Current entity-tag, with its quotes."
    ufrag: str
    "The peer's current username fragment."
    pwd: str
    past: tuple[str, ...] = ()
    "Username fragments of the peer that a restart has replaced."


def parse_fragment(text: str) -> Fragment:
    """Parse a fragment, lines ended by CRLF or LF.

    Credentials may stand at the top or in a section; where BUNDLE makes several sections one,
    they must be alike.

    Raises:
        InvalidFragment: the text is malformed or exceeds a bound.
    """
    ufrags: set[str] = set()
    pwds: set[str] = set()
    candidates, is_last = 0, False
    for line in _split(text):
        name, _, value = line.partition(":")
        if name == "a=ice-ufrag":
            ufrags.add(value)
        elif name == "a=ice-pwd":
            pwds.add(value)
        elif name == "a=candidate":
            candidates += 1
        elif name == "a=end-of-candidates":
            is_last = True
    if not (all(map(_UFRAG, ufrags)) and all(map(_PWD, pwds))):
        raise InvalidFragment("malformed ICE credentials")
    if len(ufrags) > 1 or len(pwds) > 1:
        raise InvalidFragment("two sets of ICE credentials")
    return Fragment("".join(ufrags), "".join(pwds), candidates, is_last)


def _split(text: str) -> list[str]:
    if len(text) > MAX_CHARACTERS:
        raise InvalidFragment(f"more than {MAX_CHARACTERS} characters")
    text = text.replace("\r\n", "\n")
    if _CONTROL.search(text):
        raise InvalidFragment("a control character")
    lines = [line.rstrip() for line in text.split("\n") if line.strip()]
    if len(lines) > MAX_LINES:
        raise InvalidFragment(f"more than {MAX_LINES} lines")
    if not all(map(_LINE, lines)):
        raise InvalidFragment("not a <type>=<value> line")
    # A candidate alone, as some clients send, is no attribute of anything else: let it pass.
    if not any(line.startswith("a=") for line in lines):
        raise InvalidFragment("no attribute")
    return lines


def judge(fragment: Fragment, if_match: str | None, known: RemoteIce, *, is_strict: bool) -> Wish:
    """Tell whether a fragment brings candidates or asks for an ICE restart.

    Lenient where clients need it: a fragment of the current credentials may come without an
    entity-tag (whip-whep sends none to WHEP), unless `is_strict`.

    Args:
        fragment: As parsed.
        if_match: The `If-Match` field, or None.
        known: The session's ICE.
        is_strict: Ask every fragment for an entity-tag, as RFC 9725 §4.3.1 does.

    Raises:
        FragmentPreconditionMissing: an entity-tag is needed and missing.
        FragmentPreconditionFailed: the tag is of another ICE session, or the fragment is older
            than the last restart.
        InvalidFragment: new credentials are incomplete.
    """
    is_current = fragment.ice_ufrag == known.ufrag and fragment.ice_pwd in ("", known.pwd)
    if if_match is None:
        if is_strict or not is_current:
            raise FragmentPreconditionMissing("If-Match is missing")
        return "trickle"
    if not matches(if_match, known.etag) or fragment.ice_ufrag in known.past:
        raise FragmentPreconditionFailed("this is not the current ICE session")
    if is_current and fragment.ice_pwd and known.past and _is_any(if_match):
        return "repeat"
    if is_current or not fragment.ice_ufrag:
        return "trickle"
    if fragment.ice_ufrag == known.ufrag or not fragment.ice_pwd:
        raise InvalidFragment("a restart changes both ice-ufrag and ice-pwd")
    return "restart"


def matches(if_match: str, etag: str) -> bool:
    """Compare strongly (RFC 9110 §13.1.1)."""
    return _is_any(if_match) or etag in (tag.strip() for tag in if_match.split(","))


def _is_any(if_match: str) -> bool:
    return if_match.strip() in ("*", '"*"')  # quoted, as RFC 9725's examples show it


def write_fragment(
    ice_ufrag: str, ice_pwd: str, local: LocalCandidates, sections: Sequence[tuple[str, str]]
) -> str:
    """Write our side of a restarted ICE session (RFC 9725 §4.3.3).

    Args:
        ice_ufrag: Our new username fragment.
        ice_pwd: Our new password.
        local: Where we are reached.
        sections: (kind, mid) of the accepted sections; the first one carries the transport.
    """
    kind, mid = sections[0]
    lines = ["a=ice-lite"]
    mids = [each for _, each in sections if each]
    if mids:
        lines.append("a=group:BUNDLE " + " ".join(mids))
    # The section is only named here, not negotiated: no port, any format (RFC 8840 §9).
    lines.append(f"m={kind} 9 UDP/TLS/RTP/SAVPF 0")
    if mid:
        lines.append(f"a=mid:{mid}")
    lines += [f"a=ice-ufrag:{ice_ufrag}", f"a=ice-pwd:{ice_pwd}", *write_candidates(local)]
    return "\r\n".join(lines) + "\r\n"
