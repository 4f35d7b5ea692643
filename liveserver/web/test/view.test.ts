import { expect, test } from "vitest";
import type { Room } from "../src/protocol/api";
import type { SubscriberStatus } from "../src/protocol/subscriber";
import type { Flow } from "../src/watch/flow";
import { chooseView, fitOf, pageOf, pollPeriodMs, wantsMedia, type Known } from "../src/watch/view";

const room = (change: Partial<Room> = {}): Room => ({
  room: "demo", title: "Demo", state: "live", host: "on", host_name: null, source: "host", scheduled_at: null, started_at: null, ended_at: null,
  viewers: 1, delay_ms: null, ingest: null, uplink_ms: null, server_time: "2026-01-01T00:00:00.000Z", ...change,
});
const problem = (status: number, code: string) => ({ status, code, title: "", detail: "", retryAfterS: null });
const flow = (change: Partial<Flow> = {}): Flow => ({ silentMs: 0, pictureStoppedMs: 0, soundStoppedMs: 0, hasPlayed: true, ...change });
const known = (change: Partial<Known> = {}): Known => ({
  room: room(), roomProblem: null, failedPolls: 0, browserOnline: true, hasWebRtc: true, undecodable: false,
  subscriber: { phase: "connected", problem: null, retryAtMs: null }, flow: flow(), verdict: "flowing", hasPlayed: true, ...change,
});
const phase = (name: SubscriberStatus["phase"]) => ({ subscriber: { phase: name, problem: null, retryAtMs: null } });
const stopped = (ms: number, soundMs = ms) => ({ flow: flow({ silentMs: Math.min(ms, soundMs), pictureStoppedMs: ms, soundStoppedMs: soundMs }) });
const refusal = (status: number, code: string) => ({ subscriber: { phase: "refused" as const, problem: problem(status, code), retryAtMs: 0 } });

test.each<[string, Partial<Known>]>([
  ["loading", { room: null }],
  ["offline", { room: null, failedPolls: 2 }],
  ["waiting", { room: room({ state: "scheduled", host: "off" }) }],
  ["live", {}],
  ["paused", { room: room({ state: "paused" }) }],
  ["away", { room: room({ host: "away" }), ...stopped(2_000) }],
  ["away", { room: room({ host: "off" }), ...stopped(2_000) }],
  ["live", { room: room({ host: "away" }) }],
  ["away", { verdict: "quiet", ...stopped(2_000) }],
  ["live", { verdict: "ask", ...stopped(2_000) }],
  ["live", stopped(3_000, 0)],
  ["reconnecting", { ...phase("interrupted"), ...stopped(2_000) }],
  ["live", { ...phase("interrupted"), ...stopped(500) }],
  ["reconnecting", phase("waiting")],
  ["reconnecting", phase("joining")],
  ["live", { ...phase("joining"), hasPlayed: false }],
  ["away", { ...phase("waiting"), room: room({ host: "away" }) }],
  ["ended", { room: room({ state: "ended" }) }],
  ["notfound", { room: null, roomProblem: problem(404, "room_not_found") }],
  ["forbidden", { room: null, roomProblem: problem(403, "forbidden") }],
  ["full", refusal(503, "room_full")],
  ["unsupported", refusal(422, "unsupported_codec")],
  ["unsupported", { undecodable: true }],
  ["unsupported", { hasWebRtc: false }],
  ["live", refusal(409, "room_not_live")],
  ["waiting", { room: room({ state: "scheduled" }), hasWebRtc: false }],
])("the page is %s", (view, change) => {
  expect(chooseView(known(change))).toBe(view);
});

test("a picture that still comes is shown although the polls fail", () => {
  expect(chooseView(known({ failedPolls: 9, browserOnline: false }))).toBe("live");
  expect(chooseView(known({ failedPolls: 2, subscriber: { phase: "waiting", problem: null, retryAtMs: 0 } }))).toBe("offline");
});

test("one lost poll is no outage", () => {
  expect(chooseView(known({ failedPolls: 1, ...phase("waiting") }))).toBe("reconnecting");
});

test("media is wanted while the room is live or paused", () => {
  expect([room(), room({ state: "paused" }), room({ state: "scheduled" }), room({ state: "ended" }), null].map(wantsMedia)).toEqual([true, true, false, false, false]);
});

test("polls are slower on hidden and finished pages and back off after failures", () => {
  const base = { room: room(), roomProblem: null, failedPolls: 0 };
  expect(pollPeriodMs(base, false)).toBe(2_000);
  expect(pollPeriodMs(base, true)).toBe(10_000);
  expect(pollPeriodMs({ ...base, room: room({ state: "ended" }) }, false)).toBe(8_000);
  expect(pollPeriodMs({ ...base, failedPolls: 1 }, false)).toBe(2_000);
  expect(pollPeriodMs({ ...base, failedPolls: 20 }, false)).toBe(8_000);
});

test("an upright picture fills an upright phone, a wide one is shown whole", () => {
  const phone = { width: 390, height: 844 };
  const desk = { width: 1408, height: 868 };
  expect(fitOf({ width: 720, height: 1280 }, phone)).toBe("cover");
  expect(fitOf({ width: 1280, height: 720 }, phone)).toBe("contain");
  expect(fitOf({ width: 960, height: 1280 }, phone)).toBe("contain");
  expect(fitOf({ width: 1280, height: 720 }, desk)).toBe("contain");
  expect(fitOf({ width: 720, height: 1280 }, desk)).toBe("contain");
});

test("each view has its layout", () => {
  expect([pageOf("live"), pageOf("waiting"), pageOf("ended"), pageOf("full"), pageOf("offline")]).toEqual(["room", "waiting", "ended", "stop", "room"]);
});
