// What the tests of paths need beside impaired/page.js: session URLs, ICE restarts, relays.
() => {
  const Plain = window.RTCPeerConnection;
  window.configuration = {};
  window.RTCPeerConnection = class extends Plain {
    constructor(given) {
      super({...given, ...window.configuration});
    }
  };

  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const bearer = (token) => (token ? {Authorization: `Bearer ${token}`} : {});
  const line = (sdp, name) => new RegExp(`a=${name}:(\\S+)`).exec(sdp)[1];

  window.offer = async ({url, token}) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: {'Content-Type': 'application/sdp', ...bearer(token)},
      body: connection.localDescription.sdp,
    });
    if (response.status !== 201) throw new Error(`POST: ${response.status}`);
    await connection.setRemoteDescription({type: 'answer', sdp: await response.text()});
    window.session = new URL(response.headers.get('Location'), url).href;
    window.token = token;
  };

  // Restarts ICE; the PATCH leaves so many milliseconds after the offer.
  window.restart = async (waitMs) => {
    const {sdp} = connection.remoteDescription;
    connection.restartIce();
    await connection.setLocalDescription();
    await sleep(waitMs);
    const [ufrag, pwd] = ['ice-ufrag', 'ice-pwd'].map((name) =>
      line(connection.localDescription.sdp, name));
    const response = await fetch(window.session, {
      method: 'PATCH',
      headers: {
        'Content-Type': 'application/trickle-ice-sdpfrag',
        'If-Match': '*',
        ...bearer(window.token),
      },
      body: `a=ice-ufrag:${ufrag}\r\na=ice-pwd:${pwd}\r\n`,
    });
    if (response.status !== 200) throw new Error(`PATCH: ${response.status}`);
    const fragment = await response.text();
    const answer = sdp
      .replace(/a=ice-ufrag:\S+/g, `a=ice-ufrag:${line(fragment, 'ice-ufrag')}`)
      .replace(/a=ice-pwd:\S+/g, `a=ice-pwd:${line(fragment, 'ice-pwd')}`);
    await connection.setRemoteDescription({type: 'answer', sdp: answer});
    return {tag: response.headers.get('ETag'), ufrag};
  };

  // The ICE servers that a plain OPTIONS with a token tells (RFC 9725, section 4.6).
  window.iceServers = async ({url, token}) => {
    const response = await fetch(url, {method: 'OPTIONS', headers: bearer(token)});
    const links = (response.headers.get('Link') ?? '').matchAll(
      /<([^>]+)>; rel="ice-server"; username="([^"]+)"; credential="([^"]+)"/g);
    return [...links].map(([, urls, username, credential]) => ({urls, username, credential}));
  };

  window.path = async () => {
    const report = await connection.getStats();
    const all = [...report.values()];
    const transport = all.find(({type}) => type === 'transport');
    const pair = report.get(transport?.selectedCandidatePairId) ?? {};
    const local = report.get(pair.localCandidateId) ?? {};
    const sent = all.find(({type, kind}) => type === 'outbound-rtp' && kind === 'video');
    return {
      state: connection.connectionState,
      ufrag: transport?.iceLocalUsernameFragment ?? '',
      protocol: local.protocol ?? '',
      type: local.candidateType ?? '',
      relay: local.relayProtocol ?? '',
      framesSent: sent?.framesSent ?? 0,
    };
  };
}
