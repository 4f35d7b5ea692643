"""Session descriptions, with aiortc as the oracle and offers of real clients as the material."""

import contextlib

import pytest
from aiortc import sdp as oracle
from hypothesis import given
from hypothesis import strategies as st

from media.errors import InvalidOffer
from media.sdp import (
    Fingerprint,
    MediaSection,
    Rid,
    Simulcast,
    SsrcGroup,
    parse_session_description,
)
from tests.media.hostile import broken_text, offers, texts

OFFERS = offers()
HEAD = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
VIDEO = "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\n"
ROLES = {"auto": "actpass", "client": "active", "server": "passive"}
DIGEST = ":".join(["AB"] * 32)

every_offer = pytest.mark.parametrize("text", [pytest.param(v, id=k) for k, v in OFFERS.items()])


def section(*lines: str, session: tuple[str, ...] = ()) -> MediaSection:
    """The one section of a description with these attribute lines."""
    text = HEAD + "".join(f"{line}\r\n" for line in session)
    text += VIDEO + "".join(f"{line}\r\n" for line in lines)
    (only,) = parse_session_description(text).sections
    return only


@every_offer
def test_an_offer_reads_as_the_oracle_reads_it(text: str) -> None:
    ours, theirs = parse_session_description(text), oracle.SessionDescription.parse(text)
    assert [s.mid for s in ours.sections] == [m.rtp.muxId for m in theirs.media]
    for mine, other in zip(ours.sections, theirs.media, strict=True):
        assert (mine.kind, mine.port, mine.protocol) == (other.kind, other.port, other.profile)
        assert other.ice is not None
        assert mine.ice_ufrag == (other.ice.usernameFragment or "")
        assert mine.ice_pwd == (other.ice.password or "")
        if other.dtls is not None:  # the oracle needs a setup in the section for it
            assert {f.value for f in mine.fingerprints} == {
                f.value for f in other.dtls.fingerprints
            }
            assert mine.setup == ROLES[other.dtls.role]
        assert mine.extensions == {e.uri: e.id for e in other.rtp.headerExtensions}
        assert set(mine.ssrcs) == {s.ssrc for s in other.ssrc}
        assert len(mine.candidates) == len(other.ice_candidates)
        if mine.kind != "application":
            assert mine.direction == other.direction
            assert mine.rtcp_mux == other.rtcp_mux


@every_offer
def test_the_codecs_of_an_offer_read_as_the_oracle_reads_them(text: str) -> None:
    ours, theirs = parse_session_description(text), oracle.SessionDescription.parse(text)
    for mine, other in zip(ours.sections, theirs.media, strict=True):
        others = {codec.payloadType: codec for codec in other.rtp.codecs}
        for codec in mine.codecs:
            expected = others.pop(codec.payload_type)
            assert codec.name.lower() == expected.name.lower()
            assert codec.clock_rate == expected.clockRate
            assert codec.channels == (expected.channels or 1)
            assert {k: str(v) for k, v in expected.parameters.items() if v is not None} == {
                k: v for k, v in codec.parameters.items() if v
            }
            assert list(codec.feedback) == [
                f"{f.type} {f.parameter}" if f.parameter else f.type for f in expected.rtcpFeedback
            ]
        assert all(codec.name in {"PCMU", "PCMA"} for codec in others.values())


@every_offer
def test_what_the_oracle_writes_is_read(text: str) -> None:
    theirs = oracle.SessionDescription.parse(text)
    written = parse_session_description(str(theirs))
    original = parse_session_description(text)
    for rewritten, read in zip(written.sections, original.sections, strict=True):
        assert (rewritten.mid, rewritten.kind) == (read.mid, read.kind)
        assert [c.payload_type for c in rewritten.codecs] == [c.payload_type for c in read.codecs]


def test_a_chromium_simulcast_offer_keeps_its_layers() -> None:
    video = parse_session_description(OFFERS["chromium_whip_simulcast"]).sections[1]
    assert [rid.identifier for rid in video.rids] == ["l", "m", "h"]
    assert video.simulcast == Simulcast(send=(("l",), ("m",), ("h",)))
    assert video.ssrcs == ()


def test_an_obs_offer_inherits_what_stands_in_its_session_part() -> None:
    audio, video = parse_session_description(OFFERS["obs_whip"]).sections
    for each in (audio, video):
        assert (each.ice_ufrag, each.ice_pwd) == ("p+2y", "gvhiwDeOn6Q7cXjyoksq/m")
        assert each.setup == "actpass"
        assert [f.algorithm for f in each.fingerprints] == ["sha-256"]
    assert audio.codecs[0].parameters["stereo"] == "1"
    assert audio.msid == ("pYkT0sDk8rBuXa1W", "pYkT0sDk8rBuXa1W-audio")


def test_a_gstreamer_offer_has_a_bundle_only_section_that_is_on() -> None:
    video, audio = parse_session_description(OFFERS["gstreamer_whip"]).sections
    assert (audio.port, audio.bundle_only, audio.is_rejected) == (0, True, False)
    assert audio.codecs[0].name == "opus"
    assert video.ssrc_groups == (SsrcGroup("FID", (4015427612, 3178216408)),)
    sets = video.codecs[0].parameters["sprop-parameter-sets"]
    assert sets == "Z0LAH9kAUAW7ARAAAAMAEAAAAwPA8YMkgA==,aMuDyyA="


def test_a_firefox_offer_has_extensions_of_one_direction() -> None:
    audio, _ = parse_session_description(OFFERS["firefox_whip"]).sections
    assert audio.extensions["urn:ietf:params:rtp-hdrext:csrc-audio-level"] == 2
    assert audio.direction == "sendonly"


def test_an_ffmpeg_offer_may_bundle_a_section_it_leaves_out() -> None:
    offer = parse_session_description(OFFERS["ffmpeg_whip_audio_only"])
    assert offer.bundle == ("0",)


def test_line_ends_may_be_lf_and_empty_lines_are_ignored() -> None:
    text = OFFERS["obs_whip"]
    assert parse_session_description(
        text.replace("\r\n", "\n") + "\n\n"
    ) == parse_session_description(text)


def test_a_section_alone_has_the_defaults() -> None:
    only = section()
    assert only.direction == "sendrecv"
    assert only.mid == only.setup == only.ice_ufrag == only.ice_pwd == ""
    assert not any((only.codecs, only.fingerprints, only.rids, only.ssrcs, only.candidates))
    assert only.msid is None
    assert only.simulcast is None
    assert (only.rtcp_mux, only.rtcp_rsize, only.bundle_only) == (False, False, False)
    assert not only.is_rejected


def test_a_section_s_own_attributes_hide_the_session_s() -> None:
    session = (
        "a=inactive",
        "a=setup:active",
        "a=ice-ufrag:outer",
        f"a=fingerprint:sha-1 {'00:' * 19}00",
    )
    only = section(
        "a=sendonly",
        "a=setup:passive",
        "a=ice-ufrag:inner",
        f"a=fingerprint:sha-256 {DIGEST}",
        session=session,
    )
    assert (only.direction, only.setup, only.ice_ufrag) == ("sendonly", "passive", "inner")
    assert only.fingerprints == (Fingerprint("sha-256", DIGEST),)
    assert section(session=session).direction == "inactive"


def test_a_fingerprint_is_told_in_one_spelling() -> None:
    only = section(f"a=fingerprint:SHA-256 {DIGEST.lower()}")
    assert only.fingerprints == (Fingerprint("sha-256", DIGEST),)


def test_a_fingerprint_of_an_unknown_hash_is_kept() -> None:
    assert section("a=fingerprint:sha3-256 AB:CD").fingerprints == (
        Fingerprint("sha3-256", "AB:CD"),
    )


def test_a_codec_is_spelled_in_one_way() -> None:
    only = section("a=rtpmap:96 vp8/90000", "a=rtpmap:97 x-Unknown/1000/6")
    vp8, unknown = only.codecs
    assert (vp8.name, vp8.channels) == ("VP8", 1)
    assert (unknown.name, unknown.clock_rate, unknown.channels) == ("x-Unknown", 1000, 6)


def test_format_parameters_are_read_with_any_spacing_and_case() -> None:
    only = section(
        "a=rtpmap:96 H264/90000",
        "a=fmtp:96 Packetization-Mode=1; profile-level-id=42E01F ;flag;;x=a=b",
        "a=fmtp:96 later=1",
    )
    assert only.codecs[0].parameters == {
        "packetization-mode": "1",
        "profile-level-id": "42E01F",
        "flag": "",
        "x": "a=b",
        "later": "1",
    }


def test_feedback_for_every_payload_type_is_joined_to_each() -> None:
    only = section(
        "a=rtpmap:96 VP8/90000",
        "a=rtpmap:97 rtx/90000",
        "a=rtcp-fb:* nack",
        "a=rtcp-fb:96 nack  pli",
        "a=rtcp-fb:96 nack",
    )
    assert [codec.feedback for codec in only.codecs] == [("nack", "nack pli"), ("nack",)]


def test_codecs_keep_the_order_of_the_media_line() -> None:
    only = section("a=rtpmap:97 VP9/90000", "a=rtpmap:96 VP8/90000", "a=rtpmap:98 AV1/90000")
    assert [codec.name for codec in only.codecs] == ["VP8", "VP9"]


def test_the_first_id_of_an_extension_counts() -> None:
    assert section("a=extmap:1 urn:a", "a=extmap:2/sendonly urn:a x").extensions == {"urn:a": 1}


def test_a_session_s_extensions_hold_for_a_section() -> None:
    only = section("a=extmap:2 urn:b", session=("a=extmap:1 urn:a",))
    assert only.extensions == {"urn:a": 1, "urn:b": 2}


def test_rids_keep_their_restrictions() -> None:
    only = section("a=rid:h send pt=96;max-width=1280", "a=rid:x recv")
    assert only.rids == (Rid("h", "send", "pt=96;max-width=1280"), Rid("x", "recv"))


def test_simulcast_has_alternatives_pauses_and_both_directions() -> None:
    only = section("a=simulcast:recv 1 send l,m;~h")
    assert only.simulcast == Simulcast(send=(("l", "m"), ("h",)), receive=(("1",),))


@pytest.mark.parametrize(
    ("line", "msid"),
    [("a=msid:s t", ("s", "t")), ("a=msid:s", ("s", "")), ("a=msid:-", ("-", ""))],
)
def test_an_msid_is_a_stream_and_maybe_a_track(line: str, msid: tuple[str, str]) -> None:
    assert section(line, "a=msid:second one").msid == msid


def test_a_port_of_zero_rejects_a_section() -> None:
    text = HEAD + VIDEO.replace("video 9", "video 0/2")
    assert parse_session_description(text).sections[0].is_rejected


def test_the_session_part_is_told() -> None:
    lines = "a=ice-lite\r\na=ice-options:trickle ice2\r\na=group:LS 0\r\na=group:BUNDLE 0\r\n"
    description = parse_session_description(HEAD + lines + VIDEO + "a=mid:0\r\n")
    assert description.ice_lite
    assert description.ice_options == ("trickle", "ice2")
    assert description.bundle == ("0",)


def test_a_description_may_have_no_section() -> None:
    assert parse_session_description(HEAD).sections == ()


@pytest.mark.parametrize(
    "text", [pytest.param(v, id=k) for k, v in texts("sdp_malformed.txt").items()]
)
def test_a_text_of_the_corpus_is_refused(text: str) -> None:
    with pytest.raises(InvalidOffer):
        parse_session_description(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(HEAD + VIDEO + "a=rtcp-fb:96 nack\r\n" * 33, id="feedback of one codec"),
        pytest.param(HEAD + VIDEO + "a=rtcp-fb:* nack\r\n" * 33, id="feedback of all codecs"),
        pytest.param(HEAD + VIDEO + f"a=rtpmap:{'9' * 5000} VP8/90000", id="digits"),
        pytest.param(HEAD + VIDEO + f"a=ice-ufrag:{'a' * 257}", id="ufrag"),
        pytest.param(HEAD + VIDEO + f"a=mid:{'0' * 65}", id="mid"),
        pytest.param(HEAD + VIDEO + f"a=simulcast:send l{';l' * 999}", id="simulcast"),
        pytest.param(HEAD + VIDEO * 65, id="sections"),
        pytest.param(HEAD + "a=x\r\n" * 4096, id="lines"),
        pytest.param(HEAD + f"a={'x' * 2**16}", id="characters"),
        pytest.param(HEAD + f"m=video 9 RTP/SAVPF {'1 ' * 300}", id="formats"),
        pytest.param(HEAD + f"m=application 9 UDP/DTLS/SCTP {'x ' * 300}", id="other formats"),
    ],
)
def test_a_text_beyond_a_bound_is_refused(text: str) -> None:
    with pytest.raises(InvalidOffer):
        parse_session_description(text)


@pytest.mark.parametrize(
    "line",
    [
        "a=ssrc-group:FID" + " 1" * 1000,
        "a=group:BUNDLE" + " 0" * 1000,
        "a=simulcast:send " + ";" * 5000,
        "a=fmtp:96 " + ";" * 5000,
        "a=fmtp:96 " + "x=1;" * 2000,
        "a=extmap:1 " + "u" * 5000,
        "a=candidate:" + "c" * 5000,
        "a=msid:" + "m" * 5000,
    ],
)
def test_a_long_line_is_read_or_refused(line: str) -> None:
    for text in (HEAD + VIDEO + line, HEAD + line + "\r\n" + VIDEO):
        with contextlib.suppress(InvalidOffer):
            parse_session_description(text)


WORDS = [
    *("a=", "m=", "v=0", "\r", "\n", "\0", " ", ":", ";", "=", "/", "-1", "0", "4294967296", "²"),
    *("a=rtpmap:96 ", "a=fmtp:96 ", "a=rtcp-fb:* ", "a=extmap:", "a=fingerprint:", "a=ssrc:"),
    *("a=ssrc-group:", "a=rid:", "a=simulcast:", "a=group:BUNDLE ", "a=mid:", "a=setup:"),
    *("a=ice-ufrag:", "m=video 9 UDP/TLS/RTP/SAVPF ", "m=audio 0 ", "send ", "recv ", "~h,l"),
]


@given(broken_text(list(OFFERS.values()), WORDS))
def test_a_broken_offer_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidOffer):
        parse_session_description(text)


@given(st.one_of(st.text(), st.lists(st.sampled_from(WORDS)).map(lambda w: HEAD + "".join(w))))
def test_hostile_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidOffer):
        parse_session_description(text)
