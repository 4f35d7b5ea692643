"""What of an offer is accepted: the rules of WHIP and WHEP."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given

from media.errors import InvalidOffer, UnsupportedCodec, UnsupportedOffer
from media.negotiation import (
    ABS_SEND_TIME,
    AUDIO_LEVEL,
    MID,
    REPAIRED_RID,
    RID,
    TRANSPORT_CC,
    EgressPlan,
    IngestPlan,
    PlannedTrack,
    plan_egress,
    plan_ingest,
)
from media.sdp import parse_session_description
from tests.media.hostile import broken_text, offers

OFFERS = offers()
WHIP = {name: text for name, text in OFFERS.items() if "whip" in name}
WHEP = {name: text for name, text in OFFERS.items() if "whep" in name}

every_whip_offer = pytest.mark.parametrize("text", [pytest.param(v, id=k) for k, v in WHIP.items()])
every_whep_offer = pytest.mark.parametrize("text", [pytest.param(v, id=k) for k, v in WHEP.items()])
both_ways = pytest.mark.parametrize(
    ("plan", "text"),
    [
        pytest.param(lambda text: ingest(text), OFFERS["chromium_whip"], id="ingest"),
        pytest.param(lambda text: egress(text), OFFERS["chromium_whep"], id="egress"),
    ],
)
Plan = Callable[[str], IngestPlan | EgressPlan]


def ingest(text: str, *, retransmission: bool = False) -> IngestPlan:
    return plan_ingest(parse_session_description(text), retransmission=retransmission)


def egress(text: str, *, retransmission: bool = False) -> EgressPlan:
    return plan_egress(parse_session_description(text), retransmission=retransmission)


def replaced(text: str, old: str, new: str, count: int = -1) -> str:
    assert old in text
    return text.replace(old, new, count)


def without(text: str, prefix: str) -> str:
    """The offer without the lines that begin so."""
    lines = text.split("\r\n")
    kept = [line for line in lines if not line.startswith(prefix)]
    assert len(kept) < len(lines)
    return "\r\n".join(kept)


def sections(text: str) -> list[str]:
    """The session's lines and each section's, as texts."""
    head, *rest = text.split("\r\nm=")
    return [head + "\r\n", *("m=" + part.removesuffix("\r\n") + "\r\n" for part in rest)]


def names(track: PlannedTrack) -> list[str]:
    return [codec.name for codec in track.codecs]


# --- publishing ------------------------------------------------------------------------------


@every_whip_offer
def test_every_publisher_s_offer_is_accepted(text: str) -> None:
    plan = ingest(text)
    offered = parse_session_description(text)
    kinds = [s.kind for s in offered.sections if s.kind != "application"]
    assert [track.kind for track in plan.tracks] == kinds
    assert all(track.codecs for track in plan.tracks)
    assert plan.transport.remote_ufrag
    assert plan.transport.remote_pwd
    assert [f.algorithm for f in plan.transport.fingerprints] == ["sha-256"]


@every_whip_offer
def test_a_publisher_s_offer_is_a_viewer_s_only_if_it_also_receives(text: str) -> None:
    if "a=sendonly" not in text:
        assert egress(text).tracks
        return
    with pytest.raises(InvalidOffer):
        egress(text)


def test_a_chromium_publisher_may_send_every_served_codec_in_its_order() -> None:
    audio, video = ingest(OFFERS["chromium_whip"]).tracks
    assert names(audio) == ["opus"]
    assert names(video) == ["VP8", "H264", "H264", "H264", "AV1", "VP9"]
    assert [codec.payload_type for codec in video.codecs] == [96, 102, 108, 116, 45, 98]
    assert (video.index, video.mid) == (1, "1")


def test_a_chromium_publisher_that_prefers_h264_is_answered_with_it_first() -> None:
    _, video = ingest(OFFERS["chromium_whip_h264_preferred"]).tracks
    assert names(video)[:3] == ["H264", "H264", "H264"]


def test_a_publisher_s_extensions_are_those_that_are_read() -> None:
    audio, video = ingest(OFFERS["chromium_whip"]).tracks
    assert audio.extensions == {AUDIO_LEVEL: 1, ABS_SEND_TIME: 2, TRANSPORT_CC: 3, MID: 4}
    assert set(video.extensions) == {ABS_SEND_TIME, TRANSPORT_CC, MID, RID, REPAIRED_RID}


def test_a_publisher_gets_transport_cc_and_key_frame_requests() -> None:
    audio, video = ingest(OFFERS["chromium_whip"]).tracks
    assert audio.codecs[0].feedback == ("transport-cc",)
    assert {codec.feedback for codec in video.codecs} == {("transport-cc", "ccm fir", "nack pli")}


def test_a_publisher_without_transport_cc_gets_remb() -> None:
    _, video = ingest(OFFERS["obs_whip"]).tracks
    assert video.codecs[0].feedback == ("nack pli", "goog-remb")


@pytest.mark.parametrize("prefix", ["a=extmap:3 ", "a=rtcp-fb:"])
def test_transport_cc_needs_both_its_extension_and_its_feedback(prefix: str) -> None:
    for track in ingest(without(OFFERS["chromium_whip"], prefix)).tracks:
        assert TRANSPORT_CC not in track.extensions
        assert all("transport-cc" not in codec.feedback for codec in track.codecs)


def test_retransmission_accepts_nack_and_the_rtx_of_accepted_codecs() -> None:
    audio, video = ingest(OFFERS["chromium_whip"], retransmission=True).tracks
    assert names(audio) == ["opus"]
    types = {codec.payload_type: codec for codec in video.codecs}
    rtx = [codec for codec in video.codecs if codec.name == "rtx"]
    assert [codec.parameters["apt"] for codec in rtx] == ["96", "102", "108", "116", "45", "98"]
    assert all(not codec.feedback for codec in rtx)
    assert types[96].feedback == ("transport-cc", "ccm fir", "nack", "nack pli")
    assert list(types)[:2] == [96, 97]


def test_signalled_streams_are_known_by_their_section() -> None:
    plan = ingest(OFFERS["obs_whip"])
    assert plan.ssrcs == {2201034831: "0", 2201034832: "1"}


def test_a_simulcast_publisher_signals_no_video_stream() -> None:
    plan = ingest(OFFERS["chromium_whip_simulcast"])
    assert set(plan.ssrcs.values()) == {"0"}
    assert RID in plan.tracks[1].extensions


def test_an_ffmpeg_publisher_makes_the_server_the_dtls_client() -> None:
    assert ingest(OFFERS["ffmpeg_whip"]).transport.dtls_role == "client"


@pytest.mark.parametrize(
    ("setup", "role"), [("actpass", "server"), ("active", "server"), ("passive", "client")]
)
@both_ways
def test_the_dtls_role_is_the_other_than_the_offerer_s(
    plan: Plan, text: str, setup: str, role: str
) -> None:
    assert plan(replaced(text, "setup:actpass", f"setup:{setup}")).transport.dtls_role == role


@both_ways
def test_an_offer_without_setup_makes_the_server_the_dtls_server(plan: Plan, text: str) -> None:
    assert plan(without(text, "a=setup")).transport.dtls_role == "server"


def test_a_publisher_with_only_single_nal_units_is_accepted() -> None:
    text = replaced(OFFERS["obs_whip"], "packetization-mode=1", "packetization-mode=0")
    _, video = ingest(text).tracks
    assert names(video) == ["H264"]


def test_single_nal_units_are_left_out_where_there_is_a_choice() -> None:
    for name, text in WHIP.items():
        if "obs" not in name:
            modes = {
                codec.parameters.get("packetization-mode")
                for track in ingest(text).tracks
                for codec in track.codecs
                if codec.name == "H264"
            }
            assert modes <= {"1"}


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_a_publisher_s_section_without_a_served_codec_refuses_the_offer(kind: str) -> None:
    text = OFFERS["obs_whip"]
    name = {"audio": "opus/48000/2", "video": "H264/90000"}[kind]
    with pytest.raises(UnsupportedCodec, match=kind):
        ingest(replaced(text, name, "speex/32000"))


# --- watching --------------------------------------------------------------------------------


@every_whep_offer
def test_every_viewer_s_offer_is_accepted(text: str) -> None:
    plan = egress(text)
    offered = parse_session_description(text)
    kinds = [s.kind for s in offered.sections if s.kind != "application"]
    assert [track.kind for track in plan.tracks] == kinds
    for track in plan.tracks:
        expected = {"opus"} if track.kind == "audio" else {"VP8", "H264", "VP9", "AV1"}
        assert set(names(track)) == expected


@every_whep_offer
def test_no_viewer_s_offer_is_a_publisher_s(text: str) -> None:
    with pytest.raises(InvalidOffer):
        ingest(text)


def test_a_viewer_gets_every_codec_a_publisher_may_send() -> None:
    _, video = egress(OFFERS["chromium_whep"]).tracks
    assert [codec.payload_type for codec in video.codecs] == [96, 98, 102, 108, 116, 41, 45]


def test_a_safari_viewer_gets_its_h264_profiles_first_and_no_h265() -> None:
    _, video = egress(OFFERS["safari_whep"]).tracks
    levels = [c.parameters["profile-level-id"] for c in video.codecs if c.name == "H264"]
    assert levels == ["640c1f", "42e01f"]
    assert names(video) == ["H264", "H264", "VP8", "VP9", "AV1"]


def test_a_viewer_s_extensions_and_feedback_are_those_that_are_served() -> None:
    audio, video = egress(OFFERS["chromium_whep"]).tracks
    assert set(audio.extensions) == set(video.extensions) == {ABS_SEND_TIME, MID}
    assert audio.codecs[0].feedback == ()
    assert video.codecs[0].feedback == ("goog-remb", "ccm fir", "nack pli")


def test_retransmission_to_a_viewer_accepts_nack_and_rtx() -> None:
    _, video = egress(OFFERS["chromium_whep"], retransmission=True).tracks
    assert names(video)[:2] == ["VP8", "rtx"]
    assert video.codecs[0].feedback == ("goog-remb", "ccm fir", "nack", "nack pli")


def test_a_viewer_s_section_without_a_served_codec_is_left_out_alone() -> None:
    text = replaced(OFFERS["chromium_whep"], "opus/48000/2", "speex/32000")
    assert [track.kind for track in egress(text).tracks] == ["video"]


def test_a_viewer_without_any_served_codec_is_refused() -> None:
    with pytest.raises(UnsupportedCodec):
        egress(replaced(OFFERS["chromium_whep_audio_only"], "opus/48000/2", "speex/32000"))


# --- what both refuse ------------------------------------------------------------------------


@both_ways
@pytest.mark.parametrize("direction", ["inactive", "wrong"])
def test_a_section_in_the_wrong_direction_is_invalid(plan: Plan, text: str, direction: str) -> None:
    right = "sendonly" if "a=sendonly" in text else "recvonly"
    wrong = {"sendonly": "recvonly", "recvonly": "sendonly"}[right]
    lines = f"a={wrong if direction == 'wrong' else direction}"
    with pytest.raises(InvalidOffer, match="audio"):
        plan(replaced(text, f"a={right}", lines, 1))


@both_ways
def test_sendrecv_is_accepted(plan: Plan, text: str) -> None:
    right = "sendonly" if "a=sendonly" in text else "recvonly"
    assert len(plan(replaced(text, f"a={right}", "a=sendrecv")).tracks) == 2


@both_ways
@pytest.mark.parametrize("kind", [1, 2])
def test_two_tracks_of_a_kind_are_unsupported(plan: Plan, text: str, kind: int) -> None:
    parts = sections(replaced(text, "BUNDLE 0 1", "BUNDLE 0 1 2"))
    extra = replaced(parts[kind], f"a=mid:{kind - 1}", "a=mid:2")
    with pytest.raises(UnsupportedOffer, match="more than one"):
        plan("".join([*parts, extra]))


@both_ways
def test_a_second_section_that_is_off_does_not_count(plan: Plan, text: str) -> None:
    parts = sections(text)
    extra = replaced(replaced(parts[2], "m=video 9 ", "m=video 0 "), "a=mid:1", "a=mid:2")
    assert len(plan("".join([*parts, extra])).tracks) == 2


@both_ways
def test_a_datachannel_is_left_out(plan: Plan, text: str) -> None:
    name = "chromium_whip_datachannel" if "a=sendonly" in text else "chromium_whep_datachannel"
    assert [track.index for track in plan(OFFERS[name]).tracks] == [0, 1]


@both_ways
def test_an_offer_of_a_datachannel_alone_is_unsupported(plan: Plan, text: str) -> None:
    head, _, _, application = sections(OFFERS["chromium_whip_datachannel"])
    with pytest.raises(UnsupportedOffer):
        plan(head + application)
    with pytest.raises(UnsupportedOffer):
        plan(head)


@both_ways
def test_plain_rtp_is_unsupported(plan: Plan, text: str) -> None:
    with pytest.raises(UnsupportedOffer, match="DTLS"):
        plan(replaced(text, "UDP/TLS/RTP/SAVPF", "RTP/AVPF"))


@both_ways
def test_an_offer_without_bundle_is_invalid(plan: Plan, text: str) -> None:
    with pytest.raises(InvalidOffer, match="BUNDLE"):
        plan(without(text, "a=group"))
    with pytest.raises(InvalidOffer, match="BUNDLE"):
        plan(replaced(text, "BUNDLE 0 1", "BUNDLE 0"))


@both_ways
def test_a_section_alone_needs_no_bundle(plan: Plan, text: str) -> None:
    head, audio, _ = sections(without(without(text, "a=group"), "a=mid"))
    (track,) = plan(head + audio).tracks
    assert (track.kind, track.mid) == ("audio", "")


@both_ways
def test_an_offer_without_rtcp_mux_is_invalid(plan: Plan, text: str) -> None:
    with pytest.raises(InvalidOffer, match="rtcp-mux"):
        plan(replaced(text, "a=rtcp-mux\r\n", "", 1))


@both_ways
@pytest.mark.parametrize("prefix", ["a=ice-ufrag", "a=ice-pwd"])
def test_an_offer_without_ice_credentials_is_invalid(plan: Plan, text: str, prefix: str) -> None:
    with pytest.raises(InvalidOffer, match="ICE"):
        plan(without(text, prefix))


@both_ways
def test_an_ice_lite_offerer_is_invalid(plan: Plan, text: str) -> None:
    with pytest.raises(InvalidOffer, match="lite"):
        plan(replaced(text, "t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n"))


@both_ways
def test_an_offer_without_fingerprint_is_invalid(plan: Plan, text: str) -> None:
    with pytest.raises(InvalidOffer, match="fingerprint"):
        plan(without(text, "a=fingerprint"))


def with_sha_1(text: str, *, alone: bool) -> str:
    weak = "a=fingerprint:sha-1 " + ":".join(["0F"] * 20) + "\r\n"
    text = without(text, "a=fingerprint") if alone else text
    return text.replace("a=setup", weak + "a=setup")


@both_ways
def test_a_fingerprint_of_sha_1_alone_is_unsupported(plan: Plan, text: str) -> None:
    with pytest.raises(UnsupportedOffer, match="SHA-256"):
        plan(with_sha_1(text, alone=True))


@both_ways
def test_a_fingerprint_of_sha_1_beside_a_strong_one_is_dropped(plan: Plan, text: str) -> None:
    transport = plan(with_sha_1(text, alone=False)).transport
    assert [f.algorithm for f in transport.fingerprints] == ["sha-256"]


@both_ways
def test_holdconn_is_invalid(plan: Plan, text: str) -> None:
    with pytest.raises(InvalidOffer, match="holdconn"):
        plan(replaced(text, "setup:actpass", "setup:holdconn"))


@both_ways
def test_two_sections_that_share_a_payload_type_are_invalid(plan: Plan, text: str) -> None:
    head, audio, video = sections(text)
    audio = audio.replace(":111 ", ":96 ").replace("SAVPF 111 ", "SAVPF 96 ")
    with pytest.raises(InvalidOffer, match="payload type"):
        plan(head + audio + video)


@both_ways
def test_an_extension_id_with_two_meanings_is_invalid(plan: Plan, text: str) -> None:
    head, audio, video = sections(text)
    video = video.replace("a=extmap:4 ", "a=extmap:15 ").replace("a=extmap:2 ", "a=extmap:4 ")
    with pytest.raises(InvalidOffer, match="extension id"):
        plan(head + audio + video)


@both_ways
def test_an_extension_id_of_two_byte_headers_is_left_out(plan: Plan, text: str) -> None:
    _, video = plan(text.replace("a=extmap:4 ", "a=extmap:15 ")).tracks
    assert MID not in video.extensions
    assert ABS_SEND_TIME in video.extensions


def test_two_sections_that_share_an_ssrc_are_invalid() -> None:
    with pytest.raises(InvalidOffer, match="SSRC"):
        ingest(replaced(OFFERS["obs_whip"], "2201034832", "2201034831"))


# --- the transport of a bundle ---------------------------------------------------------------


@both_ways
def test_the_transport_is_that_of_the_first_of_the_bundle(plan: Plan, text: str) -> None:
    head, audio, video = sections(text)
    video = video.replace("a=ice-ufrag:", "a=ice-ufrag:video")
    assert not plan(head + audio + video).transport.remote_ufrag.startswith("video")
    swapped = plan(head.replace("BUNDLE 0 1", "BUNDLE 1 0") + audio + video)
    assert swapped.transport.remote_ufrag.startswith("video")


@both_ways
def test_a_bundle_only_section_needs_no_transport_of_its_own(plan: Plan, text: str) -> None:
    head, audio, video = sections(text)
    video = replaced(video, "m=video 9", "m=video 0")
    for prefix in ("a=ice-", "a=fingerprint", "a=setup", "a=rtcp-mux"):
        video = without(video, prefix)
    assert len(plan(head + audio + video + "a=bundle-only\r\n").tracks) == 2


@both_ways
def test_a_section_that_is_off_does_not_carry_the_bundle(plan: Plan, text: str) -> None:
    head, audio, video = sections(text)
    audio = audio.replace("a=ice-ufrag:", "a=ice-ufrag:gone")
    audio = "m=audio 0 " + audio.split(" ", 2)[2]
    transport = plan(head + audio + video).transport
    assert not transport.remote_ufrag.startswith("gone")


@both_ways
def test_a_datachannel_may_carry_the_bundle(plan: Plan, text: str) -> None:
    name = "chromium_whip_datachannel" if "a=sendonly" in text else "chromium_whep_datachannel"
    head, audio, video, application = sections(OFFERS[name])
    application = application.replace("a=ice-ufrag:", "a=ice-ufrag:data")
    text = head.replace("BUNDLE 0 1 2", "BUNDLE 2 0 1") + audio + video + application
    assert plan(text).transport.remote_ufrag.startswith("data")


# --- hostile offers --------------------------------------------------------------------------

WORDS = [
    *("a=sendonly", "a=recvonly", "a=inactive", "a=mid:0", "a=mid:", "a=bundle-only", "a=ice-lite"),
    *("a=group:BUNDLE 1 0", "a=setup:passive", "a=setup:holdconn", "a=rtcp-mux", "m=video 9 "),
    *("a=fmtp:96 apt=96", "a=fmtp:97 apt=", "a=rtpmap:97 rtx/90000", "a=extmap:1 ", "a=ssrc:1"),
]


@given(broken_text(list(OFFERS.values()), WORDS))
def test_a_broken_offer_is_planned_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidOffer, UnsupportedOffer, UnsupportedCodec):
        plan = ingest(text, retransmission=True)
        assert all(track.codecs for track in plan.tracks)
    with contextlib.suppress(InvalidOffer, UnsupportedOffer, UnsupportedCodec):
        assert egress(text, retransmission=True).tracks
