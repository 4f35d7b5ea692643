"""Answers, with aiortc as the oracle; Chromium judges them in tests/e2e."""

import contextlib

import pytest
from aiortc import sdp as oracle
from hypothesis import given

from media.answer import EgressStream, LocalTransport, write_egress_answer, write_ingest_answer
from media.description import MediaSection
from media.errors import InvalidOffer, UnsupportedCodec, UnsupportedOffer
from media.negotiation import plan_egress, plan_ingest
from media.sdp import Fingerprint, SessionDescription, parse_session_description
from tests.media.hostile import broken_text, offers

OFFERS = offers()
LOCAL = LocalTransport(
    ice_ufrag="serv",
    ice_pwd="p" * 24,
    fingerprint=Fingerprint("sha-256", ":".join(["AB"] * 32)),
    addresses=(("192.0.2.1", 50000), ("2001:db8::1", 50000), ("127.0.0.1", 50000)),
)
STREAMS = {"audio": EgressStream(1001), "video": EgressStream(1002, 1003)}
START_BITRATE = "x-google-start-bitrate"

every_offer = pytest.mark.parametrize("name", list(OFFERS))


def answer(name: str, *, retransmission: bool = False) -> str:
    return answer_to(OFFERS[name], publishing="whip" in name, retransmission=retransmission)


def answer_to(text: str, *, publishing: bool, retransmission: bool = False) -> str:
    offer = parse_session_description(text)
    if publishing:
        plan = plan_ingest(offer, retransmission=retransmission)
        return write_ingest_answer(offer, plan, LOCAL, 4242)
    streams = (
        STREAMS if retransmission else {"audio": EgressStream(1001), "video": EgressStream(1002)}
    )
    return write_egress_answer(
        offer,
        plan_egress(offer, retransmission=retransmission),
        LOCAL,
        4242,
        streams,
        cname="room-cname",
        msid="room",
    )


def parsed(name: str, *, retransmission: bool = False) -> SessionDescription:
    return parse_session_description(answer(name, retransmission=retransmission))


def accepted(name: str) -> list[MediaSection]:
    return [section for section in parsed(name).sections if not section.is_rejected]


@every_offer
def test_an_answer_repeats_the_sections_of_the_offer_in_order(name: str) -> None:
    offer = parse_session_description(OFFERS[name])
    assert [(s.kind, s.mid, s.protocol) for s in parsed(name).sections] == [
        (s.kind, s.mid, s.protocol) for s in offer.sections
    ]


@every_offer
def test_an_answer_is_read_by_the_oracle(name: str) -> None:
    theirs = oracle.SessionDescription.parse(answer(name))
    bundle = next(group for group in theirs.group if group.semantic == "BUNDLE")
    media = [m for m in theirs.media if m.port]
    assert bundle.items == [m.rtp.muxId for m in media]
    for section in media:
        assert section.ice is not None
        assert section.ice.usernameFragment == "serv"
        assert section.ice.password == "p" * 24
        assert section.ice.iceLite
        assert section.dtls is not None
        assert section.dtls.fingerprints[0].value == LOCAL.fingerprint.value
        assert section.rtcp_mux
    candidates = [(c.ip, c.port, c.type, c.protocol) for c in media[0].ice_candidates]
    assert candidates == [(address, port, "host", "udp") for address, port in LOCAL.addresses]
    assert media[0].ice_candidates_complete
    priorities = [c.priority for c in media[0].ice_candidates]
    assert priorities == sorted(set(priorities), reverse=True)
    assert len({c.foundation for c in media[0].ice_candidates}) == len(LOCAL.addresses)


@every_offer
def test_an_answer_accepts_only_what_was_offered(name: str) -> None:
    offer = parse_session_description(OFFERS[name])
    for answered, offered in zip(parsed(name).sections, offer.sections, strict=True):
        if answered.is_rejected:
            assert answered.formats == offered.formats
            continue
        theirs = {codec.payload_type: codec for codec in offered.codecs}
        for codec in answered.codecs:
            original = theirs[codec.payload_type]
            asked = {k: v for k, v in codec.parameters.items() if k != START_BITRATE}
            assert asked == original.parameters
            assert (codec.name, codec.clock_rate, codec.channels) == (
                original.name,
                original.clock_rate,
                original.channels,
            )
            assert set(codec.feedback) <= set(original.feedback)
        assert [str(codec.payload_type) for codec in answered.codecs] == list(answered.formats)
        assert answered.extensions.items() <= offered.extensions.items()
        assert answered.rtcp_rsize == offered.rtcp_rsize


@every_offer
def test_only_a_publisher_with_libwebrtc_feedback_is_told_where_to_start(name: str) -> None:
    told = START_BITRATE in answer(name)
    assert told == ("whip" in name and "m=video" in OFFERS[name] and "goog-remb" in OFFERS[name])


@every_offer
def test_an_answer_is_in_the_one_direction(name: str) -> None:
    expected = "recvonly" if "whip" in name else "sendonly"
    assert {section.direction for section in accepted(name)} == {expected}


@every_offer
def test_every_accepted_section_is_only_multiplexed(name: str) -> None:
    text = answer(name)
    count = len(accepted(name))
    assert text.count("a=rtcp-mux\r\n") == text.count("a=rtcp-mux-only\r\n") == count


@every_offer
def test_an_answer_has_no_simulcast_and_no_retransmission(name: str) -> None:
    for section in accepted(name):
        assert section.simulcast is None
        assert section.rids == ()
        assert all("nack" not in codec.feedback for codec in section.codecs)
        assert all(codec.name != "rtx" for codec in section.codecs)


@every_offer
def test_lines_end_as_the_grammar_wants(name: str) -> None:
    text = answer(name)
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    assert "\r\n\r\n" not in text


@pytest.mark.parametrize(
    ("name", "setup"),
    [("obs_whip", "passive"), ("ffmpeg_whip", "active"), ("safari_whep", "passive")],
)
def test_the_setup_follows_the_plan(name: str, setup: str) -> None:
    assert {section.setup for section in accepted(name)} == {setup}


def test_the_default_destination_is_the_first_address() -> None:
    text = answer("obs_whip")
    assert "m=audio 50000 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 192.0.2.1\r\n" in text


def test_the_default_destination_may_be_ipv6() -> None:
    offer = parse_session_description(OFFERS["obs_whip"])
    local = LocalTransport("serv", "p" * 24, LOCAL.fingerprint, (("2001:db8::1", 7),))
    assert "c=IN IP6 2001:db8::1\r\n" in write_ingest_answer(offer, plan_ingest(offer), local, 1)


def test_a_datachannel_is_rejected() -> None:
    *_, application = parsed("chromium_whip_datachannel").sections
    assert (application.kind, application.port, application.mid) == ("application", 0, "2")
    assert application.direction == "inactive"
    assert parsed("chromium_whip_datachannel").bundle == ("0", "1")


def test_a_section_without_mid_is_answered_without() -> None:
    text = OFFERS["chromium_whip_audio_only"]
    text = text.replace("a=group:BUNDLE 0\r\n", "").replace("a=mid:0\r\n", "")
    answered = answer_to(text, publishing=True)
    assert "a=mid" not in answered
    assert "BUNDLE" not in answered
    rejected = answer_to(text + "m=text 9 UDP/TLS/RTP/SAVPF 98\r\n", publishing=True)
    assert "m=text 0 UDP/TLS/RTP/SAVPF 98\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n" in rejected


def test_a_viewer_is_told_one_stream_of_two_tracks() -> None:
    audio, video = parsed("chromium_whep").sections
    assert (audio.msid, video.msid) == (("room", "audio"), ("room", "video"))
    assert (audio.ssrcs, video.ssrcs) == ((1001,), (1002,))
    assert answer("chromium_whep").count(" cname:room-cname\r\n") == 2


def test_a_viewer_is_told_which_stream_repeats_which() -> None:
    _, video = parsed("chromium_whep", retransmission=True).sections
    assert [(g.semantics, g.ssrcs) for g in video.ssrc_groups] == [("FID", (1002, 1003))]
    assert set(video.ssrcs) == {1002, 1003}
    assert [codec.name for codec in video.codecs][:2] == ["VP8", "rtx"]


def test_a_publisher_is_told_no_stream() -> None:
    text = answer("chromium_whip", retransmission=True)
    assert "a=msid" not in text
    assert "a=ssrc" not in text


def test_stereo_is_echoed_to_the_publisher_that_offers_it() -> None:
    assert "stereo=1;sprop-stereo=1;useinbandfec=1\r\n" in answer("obs_whip")


@given(broken_text(list(OFFERS.values()), ["a=mid:", "a=fmtp:96 ", "a=extmap:1 ", "m=video 9 "]))
def test_the_answer_to_a_broken_offer_parses(text: str) -> None:
    for publishing in (True, False):
        answered = None
        with contextlib.suppress(InvalidOffer, UnsupportedOffer, UnsupportedCodec):
            answered = answer_to(text, publishing=publishing)
        if answered is not None:
            sections = parse_session_description(answered).sections
            assert len(sections) == text.count("\nm=")
