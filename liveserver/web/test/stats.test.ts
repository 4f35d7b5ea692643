import { expect, test } from "vitest";
import { PlaybackMeter, readLine, readProgress, SendingMeter } from "../src/protocol/stats";

const report = (...entries: object[]) => new Map(entries.map((entry, index) => [String(index), entry]));

const inbound = (bytes: number, received: number, lost: number, delay: number, emitted: number) =>
  report(
    { id: "v", type: "inbound-rtp", kind: "video", bytesReceived: bytes, packetsReceived: received, packetsLost: lost, frameWidth: 720, frameHeight: 1280, framesPerSecond: 30, framesDecoded: 60, jitter: 0.004, jitterBufferDelay: delay, jitterBufferEmittedCount: emitted, codecId: "c", freezeCount: 1, totalFreezesDuration: 0.4, estimatedPlayoutTimestamp: 5 },
    { id: "c", type: "codec", mimeType: "video/VP8" },
    { id: "t", type: "transport", selectedCandidatePairId: "p" },
    { id: "p", type: "candidate-pair", currentRoundTripTime: 0.012, localCandidateId: "l", remoteCandidateId: "r" },
    { id: "l", type: "local-candidate", candidateType: "prflx", protocol: "udp" },
    { id: "r", type: "remote-candidate", candidateType: "host" },
  );

test("rates need two reports and lie between them", () => {
  const meter = new PlaybackMeter();
  expect(meter.read(inbound(1_000, 10, 0, 1, 30), 0)).toMatchObject({ bitrateBps: null, loss: null, jitterBufferMs: null });
  expect(meter.read(inbound(251_000, 99, 1, 2.5, 60), 1_000)).toMatchObject({ bitrateBps: 2_000_000, loss: 1 / 90, jitterBufferMs: 50 });
});

test("the rest is taken as it is, in milliseconds and words", () => {
  expect(new PlaybackMeter().read(inbound(0, 0, 0, 0, 0), 0)).toMatchObject({
    width: 720, height: 1280, framesPerSecond: 30, videoCodec: "VP8", audioCodec: null, jitterMs: 4, rttMs: 12, freezes: 1, freezeS: 0.4, estimatedPlayoutTimestamp: 5, path: "prflx/host udp",
  });
});

test("a counter that fell gives no rate", () => {
  const meter = new PlaybackMeter();
  meter.read(inbound(9_000, 10, 0, 1, 1), 0);
  expect(meter.read(inbound(100, 10, 0, 1, 1), 1_000).bitrateBps).toBeNull();
});

test("an empty report gives empty numbers", () => {
  expect(new PlaybackMeter().read(report(), 0)).toMatchObject({ width: null, packetsReceived: 0, path: null });
  expect(new SendingMeter().read(report(), 0)).toMatchObject({ bitrateBps: null, encoder: null, limitation: null });
});

test("a host's numbers come from both ends", () => {
  const meter = new SendingMeter();
  const sent = (bytes: number) =>
    report(
      { id: "v", type: "outbound-rtp", kind: "video", bytesSent: bytes, frameWidth: 720, frameHeight: 1280, encoderImplementation: "libvpx", qualityLimitationReason: "cpu", pliCount: 2, firCount: 1 },
      { id: "x", type: "remote-inbound-rtp", kind: "video", fractionLost: 0.02, roundTripTime: 0.03 },
      { id: "p", type: "candidate-pair", nominated: true, state: "succeeded", availableOutgoingBitrate: 3e6 },
    );
  meter.read(sent(0), 0);
  expect(meter.read(sent(125_000), 500)).toMatchObject({ bitrateBps: 2_000_000, loss: 0.02, rttMs: 30, availableBps: 3e6, limitation: "cpu", keyFrameRequests: 3, encoder: "libvpx" });
});

test("layers are summed, and the largest one sent speaks for the picture", () => {
  const meter = new SendingMeter();
  const sent = (bytes: number) =>
    report(
      { id: "l", type: "outbound-rtp", kind: "video", rid: "l", bytesSent: bytes, frameWidth: 180, frameHeight: 320, pliCount: 1 },
      { id: "m", type: "outbound-rtp", kind: "video", rid: "m", bytesSent: 3 * bytes, frameWidth: 360, frameHeight: 640, framesPerSecond: 30 },
      { id: "h", type: "outbound-rtp", kind: "video", rid: "h", bytesSent: 0, active: false, frameWidth: 720, frameHeight: 1280 },
      { id: "r1", type: "remote-inbound-rtp", kind: "video", fractionLost: 0.01 },
      { id: "r2", type: "remote-inbound-rtp", kind: "video", fractionLost: 0.04 },
    );
  meter.read(sent(0), 0);
  expect(meter.read(sent(25_000), 1_000)).toMatchObject({ bitrateBps: 800_000, width: 360, height: 640, layers: 2, loss: 0.04, keyFrameRequests: 1 });
});

test("progress counts sound and picture apart", () => {
  expect(readProgress(report({ id: "v", type: "inbound-rtp", kind: "video", packetsReceived: 7, framesDecoded: 2 }, { id: "a", type: "inbound-rtp", kind: "audio", packetsReceived: 5 }))).toEqual({ audioPackets: 5, videoPackets: 7, frames: 2 });
});

test("a line is counted over sound and picture together", () => {
  const both = report(
    { id: "v", type: "inbound-rtp", kind: "video", packetsReceived: 70, packetsLost: 4, nackCount: 3, freezeCount: 1 },
    { id: "a", type: "inbound-rtp", kind: "audio", packetsReceived: 20, packetsLost: 2 },
    { id: "p", type: "candidate-pair", nominated: true, state: "succeeded", currentRoundTripTime: 0.08 },
  );
  expect(readLine(both)).toEqual({ received: 90, lost: 6, nacks: 3, freezes: 1, rttMs: 80 });
});
