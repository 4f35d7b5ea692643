"""What the server keeps of each WHIP or WHEP session."""

import msgspec

from media.events import Role, Source
from media.kernel import Address, Lane, SendPackets
from media.negotiation import EgressPlan, IngestPlan

from .peer import Peer

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
