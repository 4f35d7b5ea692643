"""Errors of the media plane.

    MediaError
    ├ PeerError                    the other side's fault; counted, never stops another peer
    │  ├ MalformedPacket     400   a datagram that is not what its first byte claims
    │  ├ InvalidOffer        400   an SDP offer that breaks the grammar or the WHIP/WHEP rules
    │  ├ InvalidFragment     400   a PATCH body that is no trickle fragment
    │  ├ FragmentPreconditionFailed   412   of an ICE session that is no longer the current one
    │  ├ FragmentPreconditionMissing  428   an ICE restart without If-Match
    │  ├ UnsupportedOffer    422   a valid offer that asks for what this server does not do
    │  └ UnsupportedCodec    422   no codec in common (RFC 9725 §4.2: 422, not 406)
    ├ InvalidState           409   our caller's fault
    └ Overloaded             503   a cap is reached; retry later

Every class carries a wire-visible `code`, the `status_hint` for HTTP and whether a retry may help.
"""

from typing import ClassVar


class MediaError(Exception):
    """Base of every error the media plane raises."""

    code: ClassVar[str] = "media_error"
    status_hint: ClassVar[int] = 500
    retryable: ClassVar[bool] = False


class PeerError(MediaError):
    """The peer sent something this server cannot accept."""

    code = "peer_error"
    status_hint = 400


class MalformedPacket(PeerError):
    """A datagram does not parse."""

    code = "malformed_packet"


class InvalidOffer(PeerError):
    """An SDP offer is malformed or breaks a rule of WHIP or WHEP."""

    code = "invalid_offer"


class InvalidFragment(PeerError):
    """A trickle fragment is malformed or changes only half of the ICE credentials."""

    code = "invalid_fragment"


class FragmentPreconditionFailed(PeerError):
    """The fragment is of an ICE session that a restart has replaced (RFC 9725 §4.3.1)."""

    code = "precondition_failed"
    status_hint = 412


class FragmentPreconditionMissing(PeerError):
    """The fragment needs an If-Match field with the session's entity-tag."""

    code = "precondition_required"
    status_hint = 428


class UnsupportedOffer(PeerError):
    """A well-formed offer asks for something that is not served."""

    code = "unsupported_offer"
    status_hint = 422


class UnsupportedCodec(PeerError):
    """No codec of an offered section is served."""

    code = "unsupported_codec"
    status_hint = 422


class InvalidState(MediaError):
    """The caller used the media plane out of order."""

    code = "media_invalid_state"
    status_hint = 409


class Overloaded(MediaError):
    """A cap on sessions is reached."""

    code = "overloaded"
    status_hint = 503
    retryable = True
