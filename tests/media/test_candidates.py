"""Candidates: every address over every transport, UDP before TCP."""

from aiortc.sdp import candidate_from_sdp

from media.candidates import IceTransport, LocalCandidates, write_candidates

ADDRESSES = (("192.0.2.1", 50000), ("2001:db8::1", 50000))


def lines(*transports: IceTransport) -> list[str]:
    *candidates, end = write_candidates(LocalCandidates(ADDRESSES, transports))
    assert end == "a=end-of-candidates"
    return candidates


def test_udp_is_preferred_to_tcp_and_the_first_address_to_the_next() -> None:
    parsed = [candidate_from_sdp(line.removeprefix("a=candidate:")) for line in lines("udp", "tcp")]
    assert [(c.protocol, c.ip) for c in parsed] == [
        ("udp", "192.0.2.1"),
        ("udp", "2001:db8::1"),
        ("tcp", "192.0.2.1"),
        ("tcp", "2001:db8::1"),
    ]
    priorities = [c.priority for c in parsed]
    assert priorities == sorted(set(priorities), reverse=True)
    assert priorities[-1] > 1 << 24  # above any relayed one
    assert len({c.foundation for c in parsed}) == 4
    assert {(c.component, c.port, c.type) for c in parsed} == {(1, 50000, "host")}


def test_tcp_candidates_are_passive() -> None:
    assert all(line.endswith(" typ host tcptype passive") for line in lines("tcp"))
    assert all(line.endswith(" typ host") for line in lines("udp"))
