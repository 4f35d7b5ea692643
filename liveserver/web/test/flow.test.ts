import { expect, test } from "vitest";
import { FlowMeter, judgeFlow, mustJump } from "../src/watch/flow";

const progress = (audioPackets: number, videoPackets: number, frames: number) => ({ audioPackets, videoPackets, frames });

test("what stopped is told from what goes on", () => {
  const meter = new FlowMeter(0);
  expect(meter.read(progress(5, 9, 3), 500)).toEqual({ silentMs: 0, pictureStoppedMs: 0, soundStoppedMs: 0, hasPlayed: true });
  expect(meter.read(progress(9, 9, 3), 1_500)).toEqual({ silentMs: 0, pictureStoppedMs: 1_000, soundStoppedMs: 0, hasPlayed: true });
  expect(meter.read(progress(9, 9, 3), 2_500)).toMatchObject({ silentMs: 1_000, pictureStoppedMs: 2_000, soundStoppedMs: 1_000 });
  meter.skip(9_000);
  expect(meter.read(progress(9, 9, 3), 9_500)).toMatchObject({ silentMs: 500, pictureStoppedMs: 500 });
});

const server = { heardAgoMs: 100, isUnreachable: false, hostSends: true };
test.each([
  ["flowing", 1_900, server],
  ["stalled", 2_200, server],
  ["quiet", 2_200, { ...server, hostSends: false }],
  ["ask", 2_200, { ...server, heardAgoMs: 1_500 }],
  ["ask", 2_200, { ...server, heardAgoMs: 1_500, hostSends: false }],
  ["stalled", 2_200, { ...server, heardAgoMs: 1_500, isUnreachable: true }],
])("%s after %i ms", (verdict, silentMs, at) => {
  expect(judgeFlow({ silentMs }, at)).toBe(verdict);
});

test("a page far behind after an outage jumps to live, but gives the buffer a moment first", () => {
  expect(mustJump({ sinceOutageMs: 3_000, bufferMs: 1_200, usualBufferMs: 60 })).toBe(true);
  expect(mustJump({ sinceOutageMs: 1_000, bufferMs: 1_200, usualBufferMs: 60 })).toBe(false);
  expect(mustJump({ sinceOutageMs: 3_000, bufferMs: 400, usualBufferMs: 60 })).toBe(false);
  expect(mustJump({ sinceOutageMs: null, bufferMs: 9_000, usualBufferMs: 60 })).toBe(false);
  expect(mustJump({ sinceOutageMs: 3_000, bufferMs: null, usualBufferMs: null })).toBe(false);
});
