import { expect, test } from "vitest";
import { estimateDelay, NTP_UNIX_MS, playoutUnixMs, SteadyDelay } from "../src/protocol/delay";

const NOW = 1_760_000_000_000;
const parts = { serverNowMs: NOW, estimatedPlayoutTimestamp: null, uplinkMs: null, rttMs: null, jitterBufferMs: null };

test("a timestamp since 1900 and one since 1970 mean the same instant", () => {
  expect(playoutUnixMs(NOW + NTP_UNIX_MS)).toBe(NOW);
  expect(playoutUnixMs(NOW)).toBe(NOW);
});

test("delay is the server's now less the picture's instant plus the way from the host", () => {
  expect(estimateDelay({ ...parts, estimatedPlayoutTimestamp: NOW - 120 + NTP_UNIX_MS, uplinkMs: 9 })).toBe(129);
});

test("delay is added up from its parts in browsers without the timestamp", () => {
  expect(estimateDelay({ ...parts, rttMs: 40, jitterBufferMs: 60, uplinkMs: 10 })).toBe(90);
});

test("delay cannot be told without either", () => {
  expect(estimateDelay({ ...parts, estimatedPlayoutTimestamp: NOW + NTP_UNIX_MS, serverNowMs: null })).toBeNull();
  expect(estimateDelay(parts)).toBeNull();
});

test("delay is never negative from a clock a little off, and not believed from one far off", () => {
  expect(estimateDelay({ ...parts, estimatedPlayoutTimestamp: NOW + 30 + NTP_UNIX_MS })).toBe(0);
  expect(estimateDelay({ ...parts, estimatedPlayoutTimestamp: NOW + 9_000 + NTP_UNIX_MS, rttMs: 20, jitterBufferMs: 50 })).toBe(60);
});

test("the shown delay is the median of the last few", () => {
  const steady = new SteadyDelay(3);
  for (const each of [100, 900, 110]) steady.add(each);
  expect(steady.value).toBe(110);
  expect(steady.add(null)).toBe(110);
  steady.reset();
  expect(steady.value).toBeNull();
});
