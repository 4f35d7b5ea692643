"""What the server keeps of each WHIP or WHEP session."""

import secrets

import msgspec

from media.events import Role, Source
from media.kernel import Address, Lane, SendPackets, derive_gcm_keys
from media.negotiation import EgressPlan, IngestPlan
from media.subscriber import Subscriber

from .dtls_peer import SrtpKeys
from .peer import Peer
from .room import random_ssrc

RTX = "rtx"
"Key of the retransmission stream beside the kinds `audio` and `video`."


class Session(msgspec.Struct, frozen=True):
    """A WHIP or WHEP session."""

    id: str
    "Unguessable; part of the session URL."
    room: str
    role: Role
    source: Source | None
    "Only for ingest."
    answer: str
    "The SDP answer."
    etag: str
    "Strong entity-tag with its quotes (RFC 9725 §4.3.1), as of the POST: restarts change it."


class Member:
    """A session with its transport and plan."""

    def __init__(self, session: Session, peer: Peer, plan: IngestPlan | EgressPlan, now: float):
        self.session = session
        self.peer = peer
        self.plan = plan
        self.created_at = now
        self.lanes: dict[str, Lane] = {}
        self.ssrcs: dict[str, int] = {}

    def move(self, address: Address, send_packets: SendPackets | None) -> None:
        """Send this viewer's tracks to another address from now on.

        Args:
            address: Of the UDP socket's peer, or of a TCP connection.
            send_packets: The connection's way out; None for the UDP socket.
        """
        for lane in self.lanes.values():
            lane.address = address
            lane.send_packets = send_packets


def draw_ssrcs(plan: EgressPlan) -> dict[str, int]:
    """Draw different SSRCs for a viewer's tracks and its retransmissions, by kind and `RTX`."""
    ssrcs: dict[str, int] = {}
    for track in plan.tracks:
        ssrcs[track.kind] = random_ssrc(lambda ssrc: ssrc in ssrcs.values())
        if any(codec.name == "rtx" for codec in track.codecs):
            ssrcs[RTX] = random_ssrc(lambda ssrc: ssrc in ssrcs.values())
    return ssrcs


def make_subscriber(
    member: Member, plan: EgressPlan, keys: SrtpKeys, address: Address
) -> Subscriber:
    """Open a connected viewer's lanes and make the core's side of it."""
    gcm = derive_gcm_keys(keys.local_master) if keys.profile == "gcm" else None
    sender = member.peer.dtls.sender
    for kind, ssrc in member.ssrcs.items():
        member.lanes[kind] = Lane(ssrc, address, gcm, sender)
    return Subscriber(
        member.session.id,
        plan,
        member.lanes,
        rtx_lane=member.lanes.get(RTX),
        cname=member.peer.ufrag,
        # RFC 3550 §5.1: random start; below the middle, so that it wraps late.
        first_index=secrets.randbits(15),
    )
