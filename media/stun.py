"""STUN Binding messages of ICE connectivity checks (RFC 8489, RFC 8445): bytes in, bytes out.

Knows neither sessions nor sockets. `parse` reads a message without trusting it; only `verify`,
with the password its username names, tells that a peer of ours sent it.
"""

import hmac
import ipaddress
from binascii import crc32
from collections.abc import Iterator
from functools import lru_cache
from struct import Struct
from typing import Literal

import msgspec

from media.errors import MalformedPacket

MAX_MESSAGE = 2048
"Bytes; a Binding message stays below the MTU (RFC 8489 §6.1), a browser's has about 100."

_COOKIE = 0x2112A442
_COOKIE_BYTES = _COOKIE.to_bytes(4)
_HEADER = Struct("!HHI12s")
_ATTRIBUTE = Struct("!HH")
_UINT32 = Struct("!I")
_UINT64 = Struct("!Q")

_REQUEST, _INDICATION, _SUCCESS, _ERROR = 0x0001, 0x0011, 0x0101, 0x0111
_USERNAME, _INTEGRITY, _ERROR_CODE = 0x0006, 0x0008, 0x0009
_XOR_MAPPED_ADDRESS, _PRIORITY, _USE_CANDIDATE = 0x0020, 0x0024, 0x0025
_FINGERPRINT, _CONTROLLED, _CONTROLLING = 0x8028, 0x8029, 0x802A

_SIZES = {_INTEGRITY: 20, _FINGERPRINT: 4, _PRIORITY: 4, _CONTROLLED: 8, _CONTROLLING: 8}
_MAX_USERNAME = 513  # ICE: two ufrags of at most 256 characters and a colon
_INTEGRITY_SIZE = 24  # of the whole attribute
_FINGERPRINT_SIZE = 8
_FINGERPRINT_XOR = 0x5354554E


class BindingRequest(msgspec.Struct, frozen=True):
    """A connectivity check. Attributes behind MESSAGE-INTEGRITY are ignored (RFC 8489 §14.5)."""

    transaction_id: bytes
    username: str
    "`receiver ufrag:sender ufrag`; empty if absent."
    use_candidate: bool
    controlling: bool
    tie_breaker: int
    "64 bits, of ICE-CONTROLLING or ICE-CONTROLLED."
    priority: int


class BindingSuccess(msgspec.Struct, frozen=True):
    """A check was answered."""

    transaction_id: bytes
    mapped_address: tuple[str, int] | None
    "Where the answerer saw the request come from."


class BindingError(msgspec.Struct, frozen=True):
    """A check was refused."""

    transaction_id: bytes
    code: int
    reason: str


class BindingIndication(msgspec.Struct, frozen=True):
    """A keep-alive that expects no answer (RFC 8445 §11)."""

    transaction_id: bytes


Message = BindingRequest | BindingSuccess | BindingError | BindingIndication


def parse(data: bytes) -> Message:
    """Read a Binding message of any class.

    Raises:
        MalformedPacket: not STUN, not Binding, or an attribute is broken.
    """
    kind, transaction_id = _read_header(data)
    found: dict[int, bytes] = {}
    for attribute, start, length in _attributes(data):
        if _INTEGRITY not in found:
            found.setdefault(attribute, data[start : start + length])
    if kind == _REQUEST:
        return _read_request(transaction_id, found)
    if kind == _SUCCESS:
        return BindingSuccess(transaction_id, _read_address(found, transaction_id))
    if kind == _ERROR:
        return _read_error(transaction_id, found)
    if kind == _INDICATION:
        return BindingIndication(transaction_id)
    raise MalformedPacket("not a Binding message")


def verify(data: bytes, password: bytes) -> bool:
    """Tell whether MESSAGE-INTEGRITY is present and of this password, in constant time.

    A FINGERPRINT must be right too and stand last.

    Raises:
        MalformedPacket: the message does not parse; never after `parse` returned.
    """
    _read_header(data)
    is_authentic = False
    for attribute, start, length in _attributes(data):
        if attribute == _FINGERPRINT:
            (crc,) = _UINT32.unpack_from(data, start)
            is_last = start + length == len(data)
            return is_authentic and is_last and crc == _crc(data[: start - 4])
        if attribute == _INTEGRITY and not is_authentic:
            expected = _mac(data[: start - 4], password)
            is_authentic = hmac.compare_digest(data[start : start + length], expected)
            if not is_authentic:
                return False
    return is_authentic


def write_binding_request(
    transaction_id: bytes,
    username: str,
    password: bytes,
    *,
    role: Literal["controlled", "controlling"],
    tie_breaker: int,
    priority: int,
    use_candidate: bool = False,
) -> bytes:
    """Write a connectivity check (RFC 8445 §7.1), signed with the receiver's password."""
    role_attribute = _CONTROLLING if role == "controlling" else _CONTROLLED
    body = (
        _attribute(_USERNAME, username.encode())
        + _attribute(role_attribute, _UINT64.pack(tie_breaker))
        + _attribute(_PRIORITY, _UINT32.pack(priority))
    )
    if use_candidate:
        body += _attribute(_USE_CANDIDATE, b"")
    return _sealed(_REQUEST, transaction_id, body, password)


def write_binding_success(
    transaction_id: bytes, address: tuple[str, int], password: bytes
) -> bytes:
    """Write the answer to a check that came from `address`; a v4-mapped one is told as IPv4."""
    family, packed = _packed_address(address[0])
    mask = (_COOKIE_BYTES + transaction_id)[: len(packed)]
    value = (
        (family << 16 | address[1] ^ (_COOKIE >> 16)).to_bytes(4)
        + (int.from_bytes(packed) ^ int.from_bytes(mask)).to_bytes(len(packed))
    )  # fmt: skip
    return _sealed(_SUCCESS, transaction_id, _attribute(_XOR_MAPPED_ADDRESS, value), password)


def write_binding_error(transaction_id: bytes, code: int, reason: str, password: bytes) -> bytes:
    """Write a refusal, for example 487 Role Conflict (RFC 8445 §7.3.1.1)."""
    number = (code // 100 << 8 | code % 100).to_bytes(4)
    body = _attribute(_ERROR_CODE, number + reason.encode())
    return _sealed(_ERROR, transaction_id, body, password)


def _read_header(data: bytes) -> tuple[int, bytes]:
    if not 20 <= len(data) <= MAX_MESSAGE:
        raise MalformedPacket("not the size of a STUN message")
    kind, length, cookie, transaction_id = _HEADER.unpack_from(data)
    if cookie != _COOKIE or kind & 0xC000 or length % 4 or length + 20 != len(data):
        raise MalformedPacket("not a STUN header")
    return kind, transaction_id


def _attributes(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield type, start and length of each attribute's value."""
    position, end = 20, len(data)
    while position < end:  # the message and all padded attributes are multiples of four
        attribute, length = _ATTRIBUTE.unpack_from(data, position)
        start = position + 4
        position = start + (length + 3 & ~3)
        if position > end or _SIZES.get(attribute, length) != length:
            raise MalformedPacket("a STUN attribute is cut or has the wrong size")
        yield attribute, start, length


def _read_request(transaction_id: bytes, found: dict[int, bytes]) -> BindingRequest:
    username = found.get(_USERNAME, b"")
    if len(username) > _MAX_USERNAME or not username.isascii():
        raise MalformedPacket("malformed USERNAME")
    tie_breaker = found.get(_CONTROLLING) or found.get(_CONTROLLED) or b""
    return BindingRequest(
        transaction_id=transaction_id,
        username=username.decode("ascii"),
        use_candidate=_USE_CANDIDATE in found,
        controlling=_CONTROLLING in found,
        tie_breaker=int.from_bytes(tie_breaker),
        priority=int.from_bytes(found.get(_PRIORITY, b"")),
    )


def _read_error(transaction_id: bytes, found: dict[int, bytes]) -> BindingError:
    value = found.get(_ERROR_CODE, b"")
    if len(value) < 4 or value[3] > 99:
        raise MalformedPacket("malformed ERROR-CODE")
    code = (value[2] & 7) * 100 + value[3]
    return BindingError(transaction_id, code, value[4:].decode(errors="replace"))


def _read_address(found: dict[int, bytes], transaction_id: bytes) -> tuple[str, int] | None:
    value = found.get(_XOR_MAPPED_ADDRESS)
    if value is None:
        return None
    if (len(value), value[1:2]) not in {(8, b"\x01"), (20, b"\x02")}:
        raise MalformedPacket("malformed XOR-MAPPED-ADDRESS")
    port = int.from_bytes(value[2:4]) ^ (_COOKIE >> 16)
    mask = (_COOKIE_BYTES + transaction_id)[: len(value) - 4]
    number = int.from_bytes(value[4:]) ^ int.from_bytes(mask)
    host = ipaddress.IPv4Address(number) if len(value) == 8 else ipaddress.IPv6Address(number)
    return str(host), port


@lru_cache(maxsize=4096)  # a viewer's address comes again with every check
def _packed_address(host: str) -> tuple[int, bytes]:
    """Address family (1 or 2) and bytes of a socket's address."""
    address = ipaddress.ip_address(host)
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return (1 if address.version == 4 else 2), address.packed


def _attribute(attribute: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(attribute, len(value)) + value + bytes(-len(value) % 4)


def _sealed(kind: int, transaction_id: bytes, body: bytes, password: bytes) -> bytes:
    """Put the header before the attributes, MESSAGE-INTEGRITY and FINGERPRINT behind them."""
    length = len(body) + _INTEGRITY_SIZE + _FINGERPRINT_SIZE
    message = _HEADER.pack(kind, length, _COOKIE, transaction_id) + body
    message += _attribute(_INTEGRITY, _mac(message, password))
    return message + _attribute(_FINGERPRINT, _UINT32.pack(_crc(message)))


def _mac(message: bytes, password: bytes) -> bytes:
    """HMAC of all before MESSAGE-INTEGRITY, the length counting to its end (RFC 8489 §14.5)."""
    length = len(message) - 20 + _INTEGRITY_SIZE
    covered = message[:2] + length.to_bytes(2) + message[4:]
    return hmac.digest(password, covered, "sha1")


def _crc(message: bytes) -> int:
    """FINGERPRINT of all before it, the length counting to its end (RFC 8489 §14.7)."""
    length = len(message) - 20 + _FINGERPRINT_SIZE
    return crc32(message[:2] + length.to_bytes(2) + message[4:]) ^ _FINGERPRINT_XOR
