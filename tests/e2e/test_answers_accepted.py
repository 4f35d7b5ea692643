"""A real Chromium offers, our answer is judged by its setRemoteDescription."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from media.answer import EgressStream, LocalTransport, write_egress_answer, write_ingest_answer
from media.negotiation import plan_egress, plan_ingest
from media.sdp import Fingerprint, parse_session_description

ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]
LOCAL = LocalTransport(
    ice_ufrag="serv",
    ice_pwd="p" * 24,
    fingerprint=Fingerprint("sha-256", ":".join(["AB"] * 32)),
    addresses=(("192.0.2.1", 50000), ("2001:db8::1", 50000)),
)

NEGOTIATE = """
async ({kinds, direction, simulcast, prefer, datachannel}) => {
  const peer = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  try {
    for (const kind of kinds) {
      const init = {direction};
      if (simulcast && kind === 'video') {
        init.sendEncodings = [
          {rid: 'l', scaleResolutionDownBy: 4}, {rid: 'm', scaleResolutionDownBy: 2}, {rid: 'h'}];
      }
      const transceiver = peer.addTransceiver(kind, init);
      if (prefer && kind === 'video') {
        const {codecs} = RTCRtpReceiver.getCapabilities('video');
        const isFirst = (codec) => codec.mimeType === prefer;
        transceiver.setCodecPreferences(
          [...codecs.filter(isFirst), ...codecs.filter((codec) => !isFirst(codec))]);
      }
    }
    if (datachannel) peer.createDataChannel('unused');
    const tracks = [];
    peer.ontrack = ({track, streams}) => tracks.push([track.kind, ...streams.map(({id}) => id)]);
    await peer.setLocalDescription();
    const sdp = await window.answerTo(peer.localDescription.sdp);
    await peer.setRemoteDescription({type: 'answer', sdp});
    return {
      state: peer.signalingState,
      media: peer.getTransceivers().map((transceiver) => ({
        direction: transceiver.currentDirection,
        codecs: transceiver.sender.getParameters().codecs.map(({mimeType}) => mimeType),
        layers: transceiver.sender.getParameters().encodings.length,
      })),
      tracks,
      candidates: peer.remoteDescription.sdp.split('a=candidate:').length - 1,
    };
  } finally {
    peer.close();
  }
}
"""


class Answerer:
    """Answers what the page offers, in the way the test has set."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.is_publishing = True
        self.retransmission = False

    def answer_to(self, sdp: str) -> str:
        offer = parse_session_description(sdp)
        if self.is_publishing:
            plan = plan_ingest(offer, retransmission=self.retransmission)
            return write_ingest_answer(offer, plan, LOCAL, 4242)
        streams = {"audio": EgressStream(1001), "video": EgressStream(1002)}
        if self.retransmission:
            streams["video"] = EgressStream(1002, 1003)
        return write_egress_answer(
            offer,
            plan_egress(offer, retransmission=self.retransmission),
            LOCAL,
            4242,
            streams,
            cname="a-cname",
            msid="room",
        )

    def negotiate(
        self, direction: str, *kinds: str, retransmission: bool, **options: object
    ) -> Any:
        self.is_publishing = direction != "recvonly"
        self.retransmission = retransmission
        settings = {"simulcast": False, "prefer": None, "datachannel": False} | options
        return self.page.evaluate(
            NEGOTIATE, {"kinds": kinds or ("audio", "video"), "direction": direction} | settings
        )


@pytest.fixture(scope="module")
def answerer() -> Iterator[Answerer]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        page = browser.new_page()
        found = Answerer(page)
        page.expose_function("answerTo", found.answer_to)
        page.goto("about:blank")
        yield found
        browser.close()


with_and_without_retransmission = pytest.mark.parametrize("retransmission", [False, True])


@with_and_without_retransmission
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="plain"),
        pytest.param({"simulcast": True}, id="simulcast"),
        pytest.param({"prefer": "video/H264"}, id="h264"),
        pytest.param({"prefer": "video/AV1", "simulcast": True}, id="av1 simulcast"),
        pytest.param({"datachannel": True}, id="datachannel"),
    ],
)
@pytest.mark.parametrize("direction", ["sendonly", "sendrecv"])
def test_chromium_publishes_one_layer_after_our_answer(
    answerer: Answerer, direction: str, options: dict[str, object], retransmission: bool
) -> None:
    told = answerer.negotiate(direction, retransmission=retransmission, **options)
    assert told["state"] == "stable"
    audio, video = told["media"]
    assert audio["direction"] == video["direction"] == "sendonly"
    assert audio["codecs"] == ["audio/opus"]
    assert video["codecs"][0] == options.get("prefer", "video/VP8")
    assert ("video/rtx" in video["codecs"]) is retransmission
    assert video["layers"] == 1
    assert told["candidates"] == 2


@with_and_without_retransmission
@pytest.mark.parametrize("kind", ["audio", "video"])
def test_chromium_publishes_one_kind_after_our_answer(
    answerer: Answerer, kind: str, retransmission: bool
) -> None:
    told = answerer.negotiate("sendonly", kind, retransmission=retransmission)
    assert [media["direction"] for media in told["media"]] == ["sendonly"]


@with_and_without_retransmission
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="plain"),
        pytest.param({"prefer": "video/H264"}, id="h264"),
        pytest.param({"datachannel": True}, id="datachannel"),
    ],
)
def test_chromium_watches_one_stream_of_two_tracks_after_our_answer(
    answerer: Answerer, options: dict[str, object], retransmission: bool
) -> None:
    told = answerer.negotiate("recvonly", retransmission=retransmission, **options)
    assert told["state"] == "stable"
    audio, video = told["media"]
    assert audio["direction"] == video["direction"] == "recvonly"
    assert told["tracks"] == [["audio", "room"], ["video", "room"]]
    assert told["candidates"] == 2


@with_and_without_retransmission
@pytest.mark.parametrize("kind", ["audio", "video"])
def test_chromium_watches_one_kind_after_our_answer(
    answerer: Answerer, kind: str, retransmission: bool
) -> None:
    told = answerer.negotiate("recvonly", kind, retransmission=retransmission)
    assert [media["direction"] for media in told["media"]] == ["recvonly"]
