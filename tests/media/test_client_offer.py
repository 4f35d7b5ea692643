"""The client's offers and what it reads from answers."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.client_offer import (
    CODECS,
    LocalDescription,
    OfferedTrack,
    read_answer,
    write_offer,
)
from media.description import Fingerprint
from media.errors import InvalidOffer
from media.sdp import parse_session_description

FINGERPRINT = Fingerprint("sha-256", ":".join(["AB"] * 32))
LOCAL = LocalDescription("ufra", "p" * 24, FINGERPRINT, session_id=7)
TRACKS = (OfferedTrack("audio", ("opus",), 11), OfferedTrack("video", ("VP8", "H264"), 22))


def answer(*lines: str, setup: str = "passive") -> str:
    return "\r\n".join(
        [
            "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=ice-lite", "a=group:BUNDLE 0",
            "m=video 9 UDP/TLS/RTP/SAVPF 96 97", "c=IN IP4 0.0.0.0", "a=mid:0", "a=recvonly",
            "a=ice-ufrag:serv", "a=ice-pwd:" + "s" * 24, f"a=setup:{setup}",
            f"a=fingerprint:sha-256 {FINGERPRINT.value}", "a=rtcp-mux",
            "a=rtpmap:96 VP8/90000", "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96", *lines, "",
        ]
    )  # fmt: skip


def test_an_offer_says_everything_whip_asks_for() -> None:
    offer = parse_session_description(write_offer("sendonly", TRACKS, LOCAL))
    assert offer.bundle == ("0", "1")
    assert [section.kind for section in offer.sections] == ["audio", "video"]
    for section, ssrc in zip(offer.sections, (11, 22), strict=True):
        assert section.direction == "sendonly"
        assert section.rtcp_mux
        assert section.setup == "actpass"
        assert section.fingerprints == (FINGERPRINT,)
        assert section.ssrcs == (ssrc,)
        assert section.msid is not None
        assert section.msid[0] == "client"
    assert [codec.name for codec in offer.sections[1].codecs] == ["VP8", "H264"]


def test_an_offer_to_receive_names_no_stream() -> None:
    tracks = (OfferedTrack("video", tuple(CODECS)[1:]),)
    (section,) = parse_session_description(write_offer("recvonly", tracks, LOCAL)).sections
    assert section.direction == "recvonly"
    assert section.ssrcs == ()
    assert section.msid is None
    names = {codec.name for codec in section.codecs}
    assert names == {"VP8", "H264", "VP9", "AV1", "rtx"}


def test_an_answer_gives_tracks_and_transport() -> None:
    read = read_answer(answer("a=ssrc:99 cname:x", "a=extmap:4 urn:x"))
    assert (read.ice_ufrag, read.ice_pwd) == ("serv", "s" * 24)
    assert read.dtls_role == "client"
    track = read.tracks["video"]
    assert [codec.name for codec in track.codecs] == ["VP8"]
    assert (track.mid, track.ssrc, track.extensions) == ("0", 99, {"urn:x": 4})


def test_we_are_the_dtls_server_when_the_answer_is_active() -> None:
    assert read_answer(answer(setup="active")).dtls_role == "server"


def test_only_udp_addresses_count_and_the_best_comes_first() -> None:
    read = read_answer(
        answer(
            "a=candidate:1 1 udp 100 192.0.2.1 5000 typ host",
            "a=candidate:2 1 UDP 200 2001:db8::1 5000 typ host",
            "a=candidate:3 1 tcp 300 192.0.2.2 5000 typ host tcptype passive",
            "a=candidate:4 2 udp 300 192.0.2.3 5000 typ host",
            "a=candidate:5 1 udp 300 name.local 5000 typ host",
            "a=candidate:6 1 udp",
        )
    )
    assert read.candidates == [("2001:db8::1", 5000), ("192.0.2.1", 5000)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=0\r\n",
        answer("a=inactive"),
        answer().replace("m=video 9", "m=video 0"),
        answer().replace("a=ice-ufrag:serv\r\n", ""),
        answer().replace("VP8", "VP7"),
    ],
)
def test_an_answer_that_accepts_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidOffer):
        read_answer(text)


@given(st.text(alphabet="a=candidate: 0123456789.udp\r\n", max_size=200))
def test_nothing_but_invalid_offer_is_raised(noise: str) -> None:
    with contextlib.suppress(InvalidOffer):
        read_answer(answer(noise))
