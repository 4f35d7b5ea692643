"""Settings of the media plane, with units and reasons."""

from typing import Literal

import msgspec


class IceServer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A STUN or TURN server handed to browsers in `Link` headers (RFC 9725 §4.6)."""

    url: str
    "For example `stun:stun.example.com:3478` or `turn:turn.example.com?transport=udp`."
    username: str = ""
    credential: str = ""


class MediaSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[media]` table."""

    udp_host: str = "::"
    "Address to bind; `::` is dual stack."
    udp_port: int = 50000
    "One UDP port for all peers; 0 lets the system choose (tests)."
    advertised_addresses: list[str] = []
    "Addresses written into answers; empty means every interface address, loopback last."
    ice_servers: list[IceServer] = []
    "Given to browsers; the server itself never asks a STUN server."
    max_ingests: int = 64
    "Publishing sessions in all."
    max_egresses: int = 2000
    "Viewing sessions in all; beyond it a WHEP POST gets 503."
    connect_timeout_s: float = 10.0
    "A session whose DTLS handshake has not finished by then is freed."
    consent_timeout_s: float = 30.0
    "A peer that sends no authenticated Binding request for so long is gone (RFC 7675 §5.1)."
    away_after_ms: int = 2000
    "Silence after which the host counts as away."
    gather_ms: float = 2.0
    "Longest wait for the rest of a frame before its packets are forwarded as one train."
    keyframe_interval_ms: int = 1000
    "At most one key-frame request per this time goes to a publisher (storms of joins)."
    preferred_srtp: Literal["gcm", "sha1"] = "gcm"
    "AEAD_AES_128_GCM first (a third of the CPU), or AES128_CM_HMAC_SHA1_80 first."
