"""What a session description says: records only (RFC 8866, RFC 8829).

`media.sdp` makes them from text, `media.negotiation` plans with them.
"""

import msgspec


class RtpCodec(msgspec.Struct, frozen=True):
    """One payload type of a section: `rtpmap`, `fmtp` and `rtcp-fb` put together."""

    payload_type: int
    name: str
    "Canonical spelling (`opus`, `VP8`, `H264`, `rtx`); as offered if unknown."
    clock_rate: int
    channels: int = 1
    parameters: dict[str, str] = {}
    "`fmtp`, keys in lower case; a parameter without `=` has the value ``''``."
    feedback: tuple[str, ...] = ()
    "`rtcp-fb` values such as `nack pli`, those of the wildcard payload type included."


class Fingerprint(msgspec.Struct, frozen=True):
    """Hash of a DTLS certificate (RFC 8122)."""

    algorithm: str
    "Lower case, for example `sha-256`."
    value: str
    "Upper-case hex pairs joined by colons."


class Rid(msgspec.Struct, frozen=True):
    """An RTP stream restriction (RFC 8851): one simulcast layer."""

    identifier: str
    direction: str
    restrictions: str = ""


class Simulcast(msgspec.Struct, frozen=True):
    """`a=simulcast` (RFC 8853): streams in order, each with its alternative rids."""

    send: tuple[tuple[str, ...], ...] = ()
    receive: tuple[tuple[str, ...], ...] = ()


class SsrcGroup(msgspec.Struct, frozen=True):
    """`a=ssrc-group` (RFC 5576), for example `FID` of a stream and its retransmissions."""

    semantics: str
    ssrcs: tuple[int, ...]


class MediaSection(msgspec.Struct, frozen=True):
    """One `m=` section with everything that applies to it."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    "As on the `m=` line; what a rejection has to repeat."
    mid: str = ""
    direction: str = "sendrecv"
    codecs: tuple[RtpCodec, ...] = ()
    "In the order of the `m=` line; payload types without `rtpmap` are left out."
    extensions: dict[str, int] = {}
    "RTP header extensions, URI to id."
    msid: tuple[str, str] | None = None
    "Stream id and track id; the first of several."
    ssrcs: tuple[int, ...] = ()
    ssrc_groups: tuple[SsrcGroup, ...] = ()
    rids: tuple[Rid, ...] = ()
    simulcast: Simulcast | None = None
    setup: str = ""
    ice_ufrag: str = ""
    ice_pwd: str = ""
    fingerprints: tuple[Fingerprint, ...] = ()
    rtcp_mux: bool = False
    rtcp_rsize: bool = False
    bundle_only: bool = False
    candidates: tuple[str, ...] = ()
    "Values of `a=candidate`, not parsed: an ICE-lite agent never sends to them."

    @property
    def is_rejected(self) -> bool:
        """Port 0 means off, unless the section lives on another's transport (RFC 9143 §6)."""
        return self.port == 0 and not self.bundle_only


class SessionDescription(msgspec.Struct, frozen=True):
    """A parsed offer or answer."""

    sections: tuple[MediaSection, ...]
    bundle: tuple[str, ...] = ()
    "Mids of the first BUNDLE group; every one names a section."
    ice_lite: bool = False
    ice_options: tuple[str, ...] = ()
    extmap_allow_mixed: bool = False
