// Publishing and watching in a bare page. The picture carries the time at which it was painted, so
// the watching page knows every frame's age. Evaluated in a page of the server's origin.
() => {
  const BITS = 24; // 20 of the time in milliseconds, 4 of a checksum
  const RANGE = 1 << 20;
  const BLACK_BELOW = 128;

  const checksum = (code) => {
    let sum = 5;
    for (let rest = code; rest > 0; rest >>= 4) sum += rest & 15;
    return sum & 15;
  };

  const paintTime = (pen, width, height) => {
    const code = Date.now() % RANGE;
    const word = code * 16 + checksum(code);
    const bar = Math.ceil(height / 12);
    for (let bit = 0; bit < BITS; bit += 1) {
      pen.fillStyle = Math.floor(word / 2 ** bit) % 2 ? '#fff' : '#000';
      pen.fillRect(Math.floor((bit * width) / BITS), 0, Math.ceil(width / BITS), bar);
    }
  };

  const readAge = async (frame) => {
    const {width, height} = frame.visibleRect;
    const rows = Math.max(2, Math.floor(height / 24) * 2);
    const rect = {x: frame.visibleRect.x, y: frame.visibleRect.y, width, height: rows};
    const pixels = new Uint8Array(frame.allocationSize({rect}));
    const [luma] = await frame.copyTo(pixels, {rect});
    const row = luma.offset + Math.floor(rows / 2) * luma.stride;
    let word = 0;
    for (let bit = 0; bit < BITS; bit += 1) {
      const column = Math.floor(((bit + 0.5) * width) / BITS);
      if (pixels[row + column] >= BLACK_BELOW) word += 2 ** bit;
    }
    const code = Math.floor(word / 16);
    if (word % 16 !== checksum(code)) return null;
    return (Date.now() - code + 2 * RANGE) % RANGE;
  };

  // Noise keeps the encoder from saving bits: the rate wished for is the rate sent.
  const makeCanvas = ({width, height, framesPerSecond}) => {
    const canvas = Object.assign(document.createElement('canvas'), {width, height});
    const pen = canvas.getContext('2d');
    const noise = new OffscreenCanvas(width, height);
    const pixels = new ImageData(width, height);
    const grey = new Uint8Array(65536);
    for (let at = 0; at < width * height; at += 1) {
      if (at % 65536 === 0) crypto.getRandomValues(grey);
      pixels.data.fill(grey[at % 65536], 4 * at, 4 * at + 3);
      pixels.data[4 * at + 3] = 60;
    }
    noise.getContext('2d').putImageData(pixels, 0, 0);
    let count = 0;
    setInterval(() => {
      count += 1;
      pen.fillStyle = `hsl(${count % 360} 50% 50%)`;
      pen.fillRect(0, 0, width, height);
      pen.drawImage(noise, (count * 3) % width, 0);
      pen.drawImage(noise, ((count * 3) % width) - width, 0);
      paintTime(pen, width, height);
    }, 1000 / framesPerSecond);
    return canvas.captureStream(framesPerSecond);
  };

  const ufragOf = (connection) => /a=ice-ufrag:(\S+)/.exec(connection.localDescription.sdp)[1];

  const post = async ({url, token}) => {
    const headers = {'Content-Type': 'application/sdp'};
    if (token) headers.Authorization = `Bearer ${token}`;
    const body = connection.localDescription.sdp;
    const response = await fetch(url, {method: 'POST', headers, body});
    if (response.status === 201) {
      await connection.setRemoteDescription({type: 'answer', sdp: await response.text()});
    }
    return response.status;
  };

  const encodingsOf = (layers) => layers.map(({rid, scale, maxBitrate}) => (
    {rid, scaleResolutionDownBy: scale, maxBitrate}));

  window.publishOffer = async (wish) => {
    const connection = window.connection = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
    const stream = makeCanvas(wish);
    const sound = await navigator.mediaDevices.getUserMedia({audio: true});
    connection.addTransceiver(sound.getTracks()[0], {direction: 'sendonly', streams: [stream]});
    const init = {direction: 'sendonly', streams: [stream]};
    if (wish.layers.length > 0) init.sendEncodings = encodingsOf(wish.layers);
    else init.sendEncodings = [{maxBitrate: wish.maxBitrate}];
    connection.addTransceiver(stream.getVideoTracks()[0], init);
    await connection.setLocalDescription();
    return ufragOf(connection);
  };

  const log = async (track) => {
    const reader = new MediaStreamTrackProcessor({track}).readable.getReader();
    for (;;) {
      const {value: frame, done} = await reader.read();
      if (done) return;
      const at = Date.now();
      const age = await readAge(frame).catch(() => null);
      window.frames.push([at / 1000, age === null ? null : age / 1000, frame.displayWidth]);
      frame.close();
    }
  };

  window.watchOffer = async () => {
    window.frames = [];
    const connection = window.connection = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
    connection.addEventListener('track', ({track}) => {
      if (track.kind === 'video') return void log(track);
      const player = Object.assign(document.createElement('audio'), {autoplay: true});
      player.srcObject = new MediaStream([track]);
      document.body.append(player);
    });
    for (const kind of ['audio', 'video']) connection.addTransceiver(kind, {direction: 'recvonly'});
    await connection.setLocalDescription();
    return ufragOf(connection);
  };

  window.post = post;

  // In the product's own watch page: log whatever connection it has, also after it made another.
  window.follow = () => {
    window.frames = [];
    window.connections = 0;
    setInterval(() => {
      const {pc} = window.__liveserver;
      const track = pc?.getReceivers().find((receiver) => receiver.track.kind === 'video')?.track;
      if (!track || pc === window.connection) return;
      window.connection = pc;
      window.connections += 1;
      log(track);
    }, 20);
  };

  window.numbers = async () => {
    const report = [...(await connection.getStats()).values()];
    const video = report.find(({type, kind}) => type === 'inbound-rtp' && kind === 'video') ?? {};
    const audio = report.find(({type, kind}) => type === 'inbound-rtp' && kind === 'audio') ?? {};
    const pair = report.find(({type, nominated}) => type === 'candidate-pair' && nominated) ?? {};
    const local = report.find(({id}) => id === pair.localCandidateId) ?? {};
    const sent = report.filter(({type, kind}) => type === 'outbound-rtp' && kind === 'video');
    return {
      state: connection.connectionState,
      protocol: local.tcpType ? 'tcp' : local.protocol ?? '',
      received: video.packetsReceived ?? 0,
      lost: video.packetsLost ?? 0,
      retransmitted: video.retransmittedPacketsReceived ?? 0,
      nacks: video.nackCount ?? 0,
      plis: video.pliCount ?? 0,
      decoded: video.framesDecoded ?? 0,
      dropped: video.framesDropped ?? 0,
      freezes: video.freezeCount ?? 0,
      frozenSeconds: video.totalFreezesDuration ?? 0,
      audioSamples: audio.totalSamplesReceived ?? 0,
      audioConcealed: audio.concealedSamples ?? 0,
      estimateBps: pair.availableOutgoingBitrate ?? 0,
      sent: sent.map((layer) => ({
        rid: layer.rid,
        active: layer.active,
        frameWidth: layer.frameWidth,
        framesEncoded: layer.framesEncoded,
        bytesSent: layer.bytesSent,
        targetBps: layer.targetBitrate,
        limitedBy: layer.qualityLimitationReason,
        nacks: layer.nackCount,
        plis: layer.pliCount,
      })),
    };
  };
}
