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
    transports: tuple[Literal["udp", "tcp"], ...] = ("udp", "tcp")
    "Of the candidates in answers; without `tcp` no TCP port is opened."
    max_tcp_connections: int = 2000
    "Media connections over TCP in all."
    max_tcp_connections_per_address: int = 300
    "Of these from one IPv4 address or IPv6 /64."
    ice_servers: list[IceServer] = []
    "Given to browsers; the server itself never asks a STUN server."
    turn_urls: list[str] = []
    "TURN servers that share `turn_secret_file` with us, as `turn:turn.example.com?transport=udp`."
    turn_secret_file: str = ""
    "File with the secret of these servers, from which short-lived credentials are made."
    turn_lifetime_s: float = 43_200.0
    "How long such credentials are good for."
    strict_if_match: bool = False
    "Ask every trickle fragment for an entity-tag; some clients send none."
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
