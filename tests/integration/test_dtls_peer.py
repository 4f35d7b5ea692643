"""DTLS-SRTP between two of our own ends, over a link in memory."""

import asyncio
from collections.abc import Callable

import pytest

from media.aio.dtls_peer import (
    Certificate,
    DtlsFailed,
    DtlsPeer,
    DtlsRole,
    SrtpProfile,
    make_certificate,
)
from media.description import Fingerprint
from media.kernel import FanOut, Lane, derive_gcm_keys
from media.rtcp import write_pli
from media.rtp import RtpPacket, parse_packet, write_packet
from media.train import Train
from tests.support.media_factories import Wire

RTP = write_packet(RtpPacket(96, False, 1, 2, 3, {}, b"payload"))


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return make_certificate()


@pytest.fixture(scope="module")
def stranger() -> Certificate:
    return make_certificate()


class Pair:
    """A server and a client; `filter` may change, drop (None) or watch what the client sends."""

    def __init__(
        self,
        certificate: Certificate,
        *,
        expected: Fingerprint | None = None,
        prefer: tuple[SrtpProfile, SrtpProfile] = ("gcm", "gcm"),
    ) -> None:
        self.closed: list[str] = []
        self.goodbye = asyncio.Event()
        self.filter: Callable[[bytes], bytes | None] = lambda data: data
        fingerprint = certificate.fingerprint

        def end(role: DtlsRole, known: Fingerprint, prefer: SrtpProfile) -> DtlsPeer:
            return DtlsPeer(
                role,
                certificate,
                [known],
                self.to_server if role == "client" else self.to_client,
                on_closed=lambda: self.note_goodbye(role),
                prefer=prefer,
            )

        self.server = end("server", expected or fingerprint, prefer[0])
        self.client = end("client", fingerprint, prefer[1])

    def note_goodbye(self, role: str) -> None:
        self.closed.append(role)
        self.goodbye.set()

    def to_server(self, data: bytes) -> None:
        passed = self.filter(data)
        if passed is not None:
            self.server.feed(passed)

    def to_client(self, data: bytes) -> None:
        self.client.feed(data)

    async def close(self) -> None:
        await self.client.close()
        await self.server.close()


@pytest.mark.parametrize("profile", ["gcm", "sha1"])
async def test_both_ends_get_the_same_keys_and_understand_each_other(
    certificate: Certificate, profile: SrtpProfile
) -> None:
    pair = Pair(certificate, prefer=(profile, profile))
    ours, theirs = await asyncio.gather(pair.server.handshake(), pair.client.handshake())
    assert ours.profile == theirs.profile == profile
    assert (ours.local_master, ours.remote_master) == (theirs.remote_master, theirs.local_master)
    assert pair.client.receiver.unprotect(pair.server.sender.protect(RTP)) == RTP
    assert pair.server.receiver.unprotect(pair.client.sender.protect(RTP)) == RTP
    pli = write_pli(1, 2)
    assert pair.server.receiver.unprotect_rtcp(pair.client.sender.protect_rtcp(pli)) == pli
    await pair.close()


async def test_the_fan_out_seals_with_the_keys_of_the_handshake(certificate: Certificate) -> None:
    pair, wire = Pair(certificate), Wire()
    keys, _ = await asyncio.gather(pair.server.handshake(), pair.client.handshake())
    lane = Lane(7, ("192.0.2.1", 9), derive_gcm_keys(keys.local_master), None)
    FanOut(wire.sendmsg).forward(Train([(5, 6, True, b"frame")], 96, b"", [lane]))
    ((_, data),) = wire.datagrams
    assert parse_packet(pair.client.receiver.unprotect(data)).payload == b"frame"
    await pair.close()


@pytest.mark.parametrize(
    ("server", "client"), [("gcm", "sha1"), ("sha1", "gcm")], ids=["gcm first", "sha1 first"]
)
async def test_the_server_chooses_the_profile(
    certificate: Certificate, server: SrtpProfile, client: SrtpProfile
) -> None:
    pair = Pair(certificate, prefer=(server, client))
    ours, theirs = await asyncio.gather(pair.server.handshake(), pair.client.handshake())
    assert ours.profile == theirs.profile
    assert ours.profile == server
    await pair.close()


async def test_another_certificate_than_promised_is_refused(
    certificate: Certificate, stranger: Certificate
) -> None:
    pair = Pair(certificate, expected=stranger.fingerprint)
    client = asyncio.create_task(pair.client.handshake())
    with pytest.raises(DtlsFailed):
        await pair.server.handshake()
    await pair.close()
    await asyncio.gather(client, return_exceptions=True)


async def test_a_goodbye_is_told_to_the_other_end_once(certificate: Certificate) -> None:
    pair = Pair(certificate)
    await asyncio.gather(pair.server.handshake(), pair.client.handshake())
    await pair.client.close()
    await asyncio.wait_for(pair.goodbye.wait(), 5)
    await pair.close()
    assert pair.closed == ["server"]


async def test_closing_ends_a_handshake_that_waits(certificate: Certificate) -> None:
    pair = Pair(certificate)
    waiting = asyncio.create_task(pair.server.handshake())
    await asyncio.sleep(0)
    await pair.server.close()
    with pytest.raises(DtlsFailed):
        await waiting


async def test_a_handshake_survives_lost_flights(certificate: Certificate) -> None:
    pair = Pair(certificate)
    sent: list[bytes] = []

    def lose_the_first(data: bytes) -> bytes | None:
        sent.append(data)
        return None if len(sent) == 1 else data

    pair.filter = lose_the_first
    async with asyncio.timeout(10):
        await asyncio.gather(pair.server.handshake(), pair.client.handshake())
    assert len(sent) > 2
    await pair.close()


HOSTILE = [
    b"",
    b"\x16",
    b"\x14\xfe\xfd" + bytes(10),
    b"\x16\xfe\xfd" + bytes(8) + b"\xff\xff" + bytes(50),
    b"\x3f" * 1500,
    b"\x16" * 1501,
    b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x02\x28",
    b"\x17\xfe\xfd\x00\x01" + bytes(6) + b"\x00\x20" + bytes(32),
]


@pytest.mark.parametrize("data", HOSTILE, ids=[f"{len(d)} {d[:3].hex()}" for d in HOSTILE])
async def test_hostile_datagrams_do_not_end_an_established_association(
    certificate: Certificate, data: bytes
) -> None:
    pair = Pair(certificate)
    await asyncio.gather(pair.server.handshake(), pair.client.handshake())
    for _ in range(3):
        pair.server.feed(data)
    for _ in range(20):
        await asyncio.sleep(0)
    assert pair.closed == []
    await pair.client.close()
    await asyncio.wait_for(pair.goodbye.wait(), 5)
    await pair.close()


async def test_a_flood_before_the_handshake_runs_is_bounded(certificate: Certificate) -> None:
    pair = Pair(certificate)
    for _ in range(10_000):
        pair.server.feed(b"\x16" + bytes(100))
    async with asyncio.timeout(10):
        await asyncio.gather(
            pair.server.handshake(), pair.client.handshake(), return_exceptions=True
        )
    await pair.close()


@pytest.mark.parametrize("turns", range(14))
async def test_closing_at_any_moment_leaves_nothing_behind(
    certificate: Certificate, turns: int
) -> None:
    """The fixture of all tests watches for tasks that are left."""
    pair = Pair(certificate)
    tasks = [asyncio.create_task(end.handshake()) for end in (pair.server, pair.client)]
    for _ in range(turns):
        await asyncio.sleep(0)
    await pair.close()
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        assert not isinstance(result, Exception) or isinstance(result, DtlsFailed)


async def test_contexts_are_shared_by_sessions(certificate: Certificate) -> None:
    fingerprints = {certificate.fingerprint.value for _ in range(3)}
    assert len(fingerprints) == 1
    for _ in range(3):
        pair = Pair(certificate)
        await asyncio.gather(pair.server.handshake(), pair.client.handshake())
        await pair.close()
