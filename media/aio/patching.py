"""PATCH on a session: trickled candidates and ICE restarts (RFC 9725 §4.3)."""

import msgspec

from media.candidates import LocalCandidates
from media.ice import Credentials
from media.sdpfrag import judge, parse_fragment, write_fragment

from .sessions import Member


class Restarted(msgspec.Struct, frozen=True):
    """The answer to an ICE restart."""

    fragment: str
    "Our new credentials and candidates, as `application/trickle-ice-sdpfrag`."
    etag: str
    "The session's new entity-tag, with its quotes."
    ufrag: str
    "Ours, to be routed from now on."


def apply_fragment(
    member: Member, text: str, if_match: str | None, local: LocalCandidates, *, is_strict: bool
) -> Restarted | None:
    """Do what a fragment asks for; None if it only brought candidates.

    A refusal leaves the session as it was.

    Raises:
        InvalidFragment, FragmentPreconditionMissing, FragmentPreconditionFailed.
    """
    fragment = parse_fragment(text)
    wish = judge(fragment, if_match, member.peer.remote_ice, is_strict=is_strict)
    if wish == "trickle":
        return None
    if wish == "restart":
        own = member.peer.restart(Credentials(fragment.ice_ufrag, fragment.ice_pwd))
    else:
        own = member.peer.credentials
    sections = [(track.kind, track.mid) for track in member.plan.tracks]
    return Restarted(
        write_fragment(own.ufrag, own.pwd, local, sections), member.peer.etag, own.ufrag
    )
