"""STUN, with aioice as the oracle: written by one, read by the other."""

import contextlib

import pytest
from aioice import stun as oracle
from hypothesis import given
from hypothesis import strategies as st

from media import stun
from media.errors import MalformedPacket
from tests.media.hostile import broken_bytes, packets

TRANSACTION = bytes(range(12))
PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"

transactions = st.binary(min_size=12, max_size=12)
usernames = st.from_regex(r"[A-Za-z0-9+/]{4,256}:[A-Za-z0-9+/]{4,256}", fullmatch=True)
plain_ipv6 = st.ip_addresses(v=6).map(str).filter(lambda host: not host.startswith("::ffff:"))
addresses = st.tuples(st.ip_addresses(v=4).map(str) | plain_ipv6, st.integers(0, 65535))


def a_request(**changes: object) -> bytes:
    keys: dict[str, object] = {"role": "controlling", "tie_breaker": 7, "priority": 9} | changes
    return stun.write_binding_request(TRANSACTION, "ours:theirs", PASSWORD, **keys)  # type: ignore[arg-type]


VALID = [
    a_request(),
    a_request(use_candidate=True, role="controlled"),
    stun.write_binding_success(TRANSACTION, ("192.0.2.1", 50000), PASSWORD),
    stun.write_binding_success(TRANSACTION, ("2001:db8::1", 50000), PASSWORD),
    stun.write_binding_error(TRANSACTION, 487, "Role Conflict", PASSWORD),
]

# RFC 5769 §2.1-2.3: the password is PASSWORD; padding bytes there are spaces.
RFC_REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e20746573742063"
    "6c69656e74002400046e0001ff80290008932ff9b151263b36000600096576746a3a68"
    "3676592020200008001"
    "49aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)
RFC_RESPONSE_V4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f72"
    "20002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7"
    "80280004c07d4c96"
)
RFC_RESPONSE_V6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f72"
    "20002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf1"
    "1784c97c8292c275bfe3ed4180280004c8fb0b4c"
)


def test_the_request_of_rfc_5769_is_read_and_verified() -> None:
    message = stun.parse(RFC_REQUEST)
    assert message == stun.BindingRequest(
        transaction_id=bytes.fromhex("b7e7a701bc34d686fa87dfae"),
        username="evtj:h6vY",
        use_candidate=False,
        controlling=False,
        tie_breaker=0x932FF9B151263B36,
        priority=0x6E0001FF,
    )
    assert stun.verify(RFC_REQUEST, PASSWORD)


@pytest.mark.parametrize(
    ("data", "address"),
    [
        (RFC_RESPONSE_V4, ("192.0.2.1", 32853)),
        (RFC_RESPONSE_V6, ("2001:db8:1234:5678:11:2233:4455:6677", 32853)),
    ],
)
def test_the_responses_of_rfc_5769_are_read_and_verified(
    data: bytes, address: tuple[str, int]
) -> None:
    message = stun.parse(data)
    assert isinstance(message, stun.BindingSuccess)
    assert message.mapped_address == address
    assert stun.verify(data, PASSWORD)


@given(
    transactions,
    usernames,
    st.binary(min_size=1, max_size=64),
    st.sampled_from(["controlled", "controlling"]),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
def test_a_request_says_the_same_to_the_oracle_and_to_us(
    transaction: bytes,
    username: str,
    password: bytes,
    role: str,
    tie_breaker: int,
    priority: int,
    use_candidate: bool,
) -> None:
    data = stun.write_binding_request(
        transaction,
        username,
        password,
        role=role,  # type: ignore[arg-type]
        tie_breaker=tie_breaker,
        priority=priority,
        use_candidate=use_candidate,
    )
    theirs = oracle.parse_message(data)  # checks the fingerprint
    assert theirs.check_message_integrity(password)
    assert theirs.attributes["USERNAME"] == username
    assert theirs.attributes["PRIORITY"] == priority
    assert theirs.attributes[f"ICE-{role.upper()}"] == tie_breaker
    assert ("USE-CANDIDATE" in theirs.attributes) is use_candidate
    controlling = role == "controlling"
    assert stun.parse(data) == stun.BindingRequest(
        transaction, username, use_candidate, controlling, tie_breaker, priority
    )
    assert stun.verify(data, password)
    assert not stun.verify(data, password + b"x")


@given(transactions, usernames, st.integers(0, 2**64 - 1), st.binary(min_size=1, max_size=64))
def test_the_oracle_s_request_is_read_and_verified(
    transaction: bytes, username: str, tie_breaker: int, password: bytes
) -> None:
    message = oracle.Message(oracle.Method.BINDING, oracle.Class.REQUEST, transaction)
    message.attributes["USERNAME"] = username
    message.attributes["PRIORITY"] = 1845501695
    message.attributes["ICE-CONTROLLING"] = tie_breaker
    message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(password)
    message.add_fingerprint()
    data = bytes(message)
    assert stun.parse(data) == stun.BindingRequest(
        transaction, username, True, True, tie_breaker, 1845501695
    )
    assert stun.verify(data, password)


@given(transactions, addresses)
def test_a_success_tells_the_address_to_the_oracle_and_to_us(
    transaction: bytes, address: tuple[str, int]
) -> None:
    data = stun.write_binding_success(transaction, address, PASSWORD)
    theirs = oracle.parse_message(data)
    assert theirs.check_message_integrity(PASSWORD)
    assert theirs.attributes["XOR-MAPPED-ADDRESS"] == address
    assert stun.parse(data) == stun.BindingSuccess(transaction, address)


def test_a_success_tells_a_v4_mapped_address_as_ipv4() -> None:
    data = stun.write_binding_success(TRANSACTION, ("::ffff:192.0.2.7", 5), PASSWORD)
    assert stun.parse(data) == stun.BindingSuccess(TRANSACTION, ("192.0.2.7", 5))


def test_a_success_tells_a_scoped_address_without_its_scope() -> None:
    data = stun.write_binding_success(TRANSACTION, ("fe80::1%2", 5), PASSWORD)
    assert stun.parse(data) == stun.BindingSuccess(TRANSACTION, ("fe80::1", 5))


def test_a_success_without_an_address_is_read() -> None:
    data = bytes.fromhex("010100002112a442") + TRANSACTION
    assert stun.parse(data) == stun.BindingSuccess(TRANSACTION, None)


@given(transactions, st.integers(300, 699), st.text(max_size=40))
def test_an_error_says_the_same_to_the_oracle_and_to_us(
    transaction: bytes, code: int, reason: str
) -> None:
    data = stun.write_binding_error(transaction, code, reason, PASSWORD)
    theirs = oracle.parse_message(data)
    assert theirs.check_message_integrity(PASSWORD)
    assert theirs.attributes["ERROR-CODE"] == (code, reason)
    assert stun.parse(data) == stun.BindingError(transaction, code, reason)


def test_an_indication_is_read() -> None:
    data = bytes.fromhex("001100002112a442") + TRANSACTION
    assert stun.parse(data) == stun.BindingIndication(TRANSACTION)


def test_an_unknown_attribute_is_ignored() -> None:
    data = bytes.fromhex("0001000c2112a442") + TRANSACTION
    data += bytes.fromhex("c057000400010002") + bytes.fromhex("00250000")
    message = stun.parse(data)
    assert isinstance(message, stun.BindingRequest)
    assert message.use_candidate
    assert message.username == ""


def test_a_message_without_integrity_is_not_authentic() -> None:
    assert not stun.verify(bytes.fromhex("000100002112a442") + TRANSACTION, PASSWORD)


def test_a_message_with_only_a_fingerprint_is_not_authentic() -> None:
    message = oracle.Message(oracle.Method.BINDING, oracle.Class.REQUEST, TRANSACTION)
    message.add_fingerprint()
    assert not stun.verify(bytes(message), PASSWORD)


def test_a_message_with_integrity_and_no_fingerprint_is_authentic() -> None:
    message = oracle.Message(oracle.Method.BINDING, oracle.Class.REQUEST, TRANSACTION)
    message.add_message_integrity(PASSWORD)
    assert stun.verify(bytes(message), PASSWORD)


def test_a_wrong_fingerprint_spoils_a_message() -> None:
    data = a_request()
    assert not stun.verify(data[:-1] + bytes([data[-1] ^ 1]), PASSWORD)


def test_a_fingerprint_that_is_not_last_spoils_a_message() -> None:
    data = a_request() + bytes.fromhex("80220000")
    data = data[:2] + (len(data) - 20).to_bytes(2) + data[4:]
    assert not stun.verify(data, PASSWORD)


def test_an_attribute_behind_the_integrity_is_ignored() -> None:
    """Anybody can add one to a captured message: it must not nominate a pair."""
    message = oracle.Message(oracle.Method.BINDING, oracle.Class.REQUEST, TRANSACTION)
    message.add_message_integrity(PASSWORD)
    data = bytes(message) + bytes.fromhex("00250000")
    data = data[:2] + (len(data) - 20).to_bytes(2) + data[4:]
    parsed = stun.parse(data)
    assert isinstance(parsed, stun.BindingRequest)
    assert not parsed.use_candidate


@given(st.sampled_from(VALID), st.integers(0, 10_000), st.integers(1, 255))
def test_a_change_of_any_byte_before_the_fingerprint_is_noticed(
    data: bytes, position: int, flip: int
) -> None:
    position %= len(data) - 8
    changed = bytearray(data)
    changed[position] ^= flip
    with contextlib.suppress(MalformedPacket):
        assert not stun.verify(bytes(changed), PASSWORD)


@pytest.mark.parametrize("data", [pytest.param(v, id=k) for k, v in packets("stun.hex").items()])
def test_a_message_of_the_corpus_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedPacket):
        stun.parse(data)


def test_a_message_larger_than_any_datagram_is_refused() -> None:
    body = bytes.fromhex("80220000") * 16000
    data = bytes.fromhex("0001") + len(body).to_bytes(2) + bytes.fromhex("2112a442") + TRANSACTION
    with pytest.raises(MalformedPacket):
        stun.parse(data + body)


@given(st.one_of(st.binary(max_size=200), broken_bytes(VALID)))
def test_hostile_bytes_parse_or_are_malformed(data: bytes) -> None:
    try:
        stun.parse(data)
    except MalformedPacket:
        return
    stun.verify(data, PASSWORD)  # never raises once the message parsed
