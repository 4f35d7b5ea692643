"""Reference fan-out in Python: AES-GCM per packet, one segmented send per lane and run.

What makes it cheap: headers and equal-sized runs are planned once per train for all lanes;
per lane and packet only the sequence number, timestamp, SSRC and nonce differ; and a run
leaves in one `sendmsg` that the kernel cuts apart.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pylibsrtp import Error as SrtpError
from pylibsrtp import Session as SrtpSession

from media.train import Train

from .runs import Row, Run, payload_bytes, plan_runs
from .srtp import GCM_TAG_BYTES, SHA1_TAG_BYTES, GcmKeys

Address = tuple[str, int] | tuple[str, int, int, int] | tuple[str, int, int]
"As a UDP socket names its peer; with three parts, the last one numbers a TCP connection."
SendMessage = Callable[[Sequence[bytes], Sequence[tuple[int, int, bytes]], int, Any], int]
SendPackets = Callable[[list[bytes]], int]
"Takes whole packets and returns how many of the first of them it took."

_pack_header = struct.Struct(">HHII").pack
_UNSUPPORTED = frozenset((5, 92, 95))
"EIO, ENOPROTOOPT, EOPNOTSUPP: neither kernel nor card cuts segments here."
_REFUSED = _UNSUPPORTED | {22, 90}
"Also EINVAL, EMSGSIZE: not these segments on this path, for example with a small MTU."


class Lane:
    """Where one track goes for one viewer: address, numbering offsets and keys.

    The caller owns the offsets and must never let one lane send an index twice with other
    content: the nonce is made of SSRC and index, and GCM breaks when a nonce repeats.
    """

    __slots__ = (
        "address",
        "index_offset",
        "is_gcm",
        "lost",
        "nonce_base",
        "octets",
        "packets",
        "seal",
        "send_packets",
        "ssrc",
        "timestamp_offset",
    )

    def __init__(
        self, ssrc: int, address: Address, keys: GcmKeys | None, session: SrtpSession | None
    ) -> None:
        """Make a lane; `keys` for the GCM profile, else libsrtp's `session` protects."""
        self.ssrc = ssrc
        self.address = address
        self.index_offset = 0
        self.timestamp_offset = 0
        self.packets = 0
        "Sent so far (RFC 3550 §6.4.1)."
        self.octets = 0
        "Payload bytes sent so far, without headers and padding."
        self.lost = 0
        "Packets dropped here because the socket refused them: never queued."
        self.send_packets: SendPackets | None = None
        "For a viewer that the socket cannot reach (TCP); packets it does not take are lost."
        self.is_gcm = keys is not None
        self.seal: Any
        if keys is not None:
            self.seal = AESGCM(keys.key).encrypt
            self.nonce_base = keys.salt ^ ssrc << 48
        else:
            assert session is not None
            self.seal = session.protect
            self.nonce_base = 0


class FanOut:
    """Protects trains and sends them. Not thread-safe; one per socket."""

    def __init__(self, send: SendMessage, *, can_segment: bool = True) -> None:
        """Send through `send`, the `sendmsg` of a non-blocking UDP socket or alike."""
        self._send = send
        self._has_segmented = False
        self.can_segment = can_segment
        "Turned off for good when UDP_SEGMENT turns out not to be supported."
        self.packets = 0
        "Datagrams handed to the kernel so far, all lanes."
        self.sends = 0
        "System calls that took; `packets / sends` is the mean train length."

    def forward(self, train: Train) -> None:
        """Protect and send a train to all its lanes, which must share one SRTP profile.

        A lane whose send fails loses that run, counted in `Lane.lost`; nothing is queued, so
        that no old frames burst out after an outage.
        """
        if not train.lanes:
            return
        is_gcm = train.lanes[0].is_gcm
        protect = _seal if is_gcm else _protect
        tag_bytes = GCM_TAG_BYTES if is_gcm else SHA1_TAG_BYTES
        runs = plan_runs(train, tag_bytes, can_segment=self.can_segment)
        for lane in train.lanes:
            for run in runs:
                try:
                    buffers = protect(lane, run.rows)
                except (SrtpError, ValueError):
                    # libsrtp's session refuses packets over 1356 bytes; AES-GCM takes them.
                    lane.lost += len(run.rows)
                else:
                    self._send_run(buffers, run, lane)

    def _send_run(self, buffers: list[bytes], run: Run, lane: Lane) -> None:
        if lane.send_packets is not None:
            self._send_packets(buffers, run, lane, lane.send_packets)
            return
        count = len(run.rows)
        try:
            self._send(buffers, run.ancillary, 0, lane.address)
        except OSError as error:
            if run.ancillary and error.errno in _REFUSED:
                # One path that refuses must not cost all others their segmentation.
                if error.errno in _UNSUPPORTED or not self._has_segmented:
                    self.can_segment = False
                self._send_singly(buffers, run, lane)
            else:
                lane.lost += count
            return
        if count > 1:
            self._has_segmented = True
        self.sends += 1
        self.packets += count
        lane.packets += count
        lane.octets += run.octets

    def _send_singly(self, buffers: list[bytes], run: Run, lane: Lane) -> None:
        """Send an already sealed run packet by packet: sealing again would repeat nonces."""
        step = len(buffers) // len(run.rows)
        for at, row in zip(range(0, len(buffers), step), run.rows, strict=True):
            try:
                self._send(buffers[at : at + step], (), 0, lane.address)
            except OSError:
                lane.lost += 1
                continue
            self.sends += 1
            self.packets += 1
            lane.packets += 1
            lane.octets += payload_bytes(row)

    def _send_packets(self, buffers: list[bytes], run: Run, lane: Lane, send: SendPackets) -> None:
        """Give a run to the lane's own way out, packet by packet."""
        step = len(buffers) // len(run.rows)
        packets = [b"".join(buffers[at : at + step]) for at in range(0, len(buffers), step)]
        taken = send(packets)
        self.sends += 1
        self.packets += taken
        lane.packets += taken
        lane.octets += sum(payload_bytes(row) for row in run.rows[:taken])
        lane.lost += len(packets) - taken


def _seal(lane: Lane, rows: list[Row]) -> list[bytes]:
    """Seal rows with AES-GCM: headers and sealed payloads alternate (RFC 7714 §8)."""
    seal, ssrc, nonce_base = lane.seal, lane.ssrc, lane.nonce_base
    index_offset, timestamp_offset = lane.index_offset, lane.timestamp_offset
    buffers: list[bytes] = []
    append = buffers.append
    for first, source_index, source_timestamp, extensions, payload in rows:
        index = source_index + index_offset
        timestamp = source_timestamp + timestamp_offset & 0xFFFFFFFF
        header = _pack_header(first, index & 0xFFFF, timestamp, ssrc) + extensions
        append(header)
        append(seal((nonce_base ^ index).to_bytes(12, "big"), payload, header))
    return buffers


def _protect(lane: Lane, rows: list[Row]) -> list[bytes]:
    """Protect rows with libsrtp (AES128_CM_HMAC_SHA1_80), one buffer a packet."""
    return [
        lane.seal(
            _pack_header(
                first,
                index + lane.index_offset & 0xFFFF,
                timestamp + lane.timestamp_offset & 0xFFFFFFFF,
                lane.ssrc,
            )
            + extensions
            + payload
        )
        for first, index, timestamp, extensions, payload in rows
    ]
