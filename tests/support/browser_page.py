"""WHIP and WHEP in a bare browser page, for what the product's own pages do not do.

`install` opens an empty page of the server's origin, but without its policies; then `publish` or
`watch`. The peer connection is `window.connection`.
"""

from typing import Any

from playwright.sync_api import Page

_INSTALL = """
() => {
  window.signal = async (connection, url, token) => {
    await connection.setLocalDescription();
    const headers = {'Content-Type': 'application/sdp'};
    if (token) headers.Authorization = `Bearer ${token}`;
    const began = performance.now();
    const answer = await fetch(url, {
      method: 'POST', headers, body: connection.localDescription.sdp});
    if (answer.status !== 201) {
      const problem = await answer.json().catch(() => ({}));
      return {status: answer.status, code: problem.code ?? '', began};
    }
    window.session = new URL(answer.headers.get('Location'), url).href;
    await connection.setRemoteDescription({type: 'answer', sdp: await answer.text()});
    return {status: 201, code: '', began};
  };
  window.prefer = (transceiver, codec) => {
    const {codecs} = RTCRtpReceiver.getCapabilities('video');
    const isFirst = (one) => one.mimeType === `video/${codec}`;
    transceiver.setCodecPreferences(
      [...codecs.filter(isFirst), ...codecs.filter((one) => !isFirst(one))]);
  };
  window.publish = async ({url, token, kinds, codec, stream}) => {
    const media = stream ?? await navigator.mediaDevices.getUserMedia(
      {audio: kinds.includes('audio'), video: kinds.includes('video')});
    const connection = window.connection = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
    for (const track of media.getTracks()) {
      const transceiver = connection.addTransceiver(
        track, {direction: 'sendonly', streams: [media]});
      if (codec && track.kind === 'video') prefer(transceiver, codec);
    }
    return signal(connection, url, token);
  };
  window.watch = async ({url, token, kinds}) => {
    const connection = window.connection = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
    const media = new MediaStream();
    connection.addEventListener('track', ({track}) => media.addTrack(track));
    for (const kind of kinds) {
      const {receiver} = connection.addTransceiver(kind, {direction: 'recvonly'});
      receiver.jitterBufferTarget = 0;  // as the product's page
    }
    const video = window.video ??= document.body.appendChild(document.createElement('video'));
    Object.assign(video, {srcObject: media, autoplay: true, muted: true});
    const frame = () => new Promise((resolve) => video.requestVideoFrameCallback(
      (now, {presentationTime}) => resolve({decoded: presentationTime, shown: now})));
    window.firstFrames = frame().then(async (first) => ({first, second: await frame()}));
    return signal(connection, url, token);
  };
  window.leave = async () => {
    connection.close();
    await fetch(session, {method: 'DELETE', headers: window.token ?? {}});
  };
}
"""


def install(page: Page, server_url: str) -> Page:
    """Open the empty page and put the functions there."""
    address = f"{server_url}/bare-page-of-the-tests"
    page.route(address, lambda route: route.fulfill(content_type="text/html", body="<body>"))
    page.goto(address)
    page.evaluate(_INSTALL)
    return page


def publish(
    page: Page,
    url: str,
    token: str = "",
    kinds: tuple[str, ...] = ("audio", "video"),
    codec: str = "",
) -> dict[str, Any]:
    """Publish the fake devices; returns `{status, code}`."""
    wish = {"url": url, "token": token, "kinds": kinds, "codec": codec}
    told: dict[str, Any] = page.evaluate("(wish) => publish(wish)", wish)
    return told


def watch(
    page: Page, url: str, token: str = "", kinds: tuple[str, ...] = ("audio", "video")
) -> dict[str, Any]:
    """Watch in a muted video element; returns `{status, code}`."""
    told: dict[str, Any] = page.evaluate(
        "(wish) => watch(wish)", {"url": url, "token": token, "kinds": kinds}
    )
    return told
