"""Datagrams over a byte stream: two bytes of length, then the datagram (RFC 4571 §2).

How STUN, DTLS and SRTP travel over TCP (RFC 6544 §3). Knows no sockets; bytes in, bytes out.
"""

from media.errors import MalformedPacket

MAX_DATAGRAM = 2048
"Bytes; what a peer sends over TCP would have fitted into one UDP datagram."
_HEADER_BYTES = 2


def frame(datagram: bytes) -> bytes:
    """Put the length before a datagram of at most 65,535 bytes."""
    return len(datagram).to_bytes(_HEADER_BYTES, "big") + datagram


class Deframer:
    """Cuts one direction of a stream back into datagrams."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def pending_bytes(self) -> int:
        """What has arrived of the next datagram, its header included; below 2050."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the stream and return the datagrams they complete.

        Empty datagrams are left out: libwebrtc sends them as keep-alives.

        Raises:
            MalformedPacket: a datagram is longer than `MAX_DATAGRAM`, so the stream is not one
                of ours. It cannot be read on.
        """
        stream = self._rest + data
        datagrams: list[bytes] = []
        position = 0
        while len(stream) - position >= _HEADER_BYTES:
            start = position + _HEADER_BYTES
            size = int.from_bytes(stream[position:start], "big")
            if size > MAX_DATAGRAM:
                raise MalformedPacket("a framed datagram is too long")
            if len(stream) < start + size:
                break
            position = start + size
            if size:
                datagrams.append(stream[start:position])
        self._rest = stream[position:]
        return datagrams
