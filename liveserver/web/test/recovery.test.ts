import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { decide, HOST, Recovery, VIEWER, WELL, type Heard, type RecoveryState } from "../src/protocol/recovery";
import type { Restart } from "../src/protocol/restart";

const at = (change: Partial<RecoveryState>): RecoveryState => ({ ...WELL, ...change });
const linkDown = { isLinkDown: true };
const silent = { isSilent: true };

test.each<[string, RecoveryState, Heard, RecoveryState, "restart" | "reopen" | null]>([
  ["a lost link asks for new paths", WELL, "interrupted", at({ stage: "asking", ...linkDown }), "restart"],
  ["silence asks for new paths", WELL, "stalled", at({ stage: "asking", ...silent }), "restart"],
  ["another network asks for new paths", WELL, "network", at({ stage: "asking" }), "restart"],
  ["what flows is left alone", WELL, "flowing", WELL, null],
  ["a session the server ended is replaced", WELL, "lost", WELL, "reopen"],
  ["one request at a time", at({ stage: "asking", ...linkDown }), "network", at({ stage: "asking", ...linkDown }), null],
  ["new paths get time", at({ stage: "asking", ...linkDown }), "restarted", at({ stage: "settling", ...linkDown, restarts: 1 }), null],
  ["a precaution that worked is over", at({ stage: "asking" }), "restarted", WELL, null],
  ["a precaution that was refused is forgotten", at({ stage: "asking" }), "refused", WELL, null],
  ["a refused restart means a new session", at({ stage: "asking", ...silent }), "refused", WELL, "reopen"],
  ["no answer means waiting", at({ stage: "asking", ...silent }), "unreachable", at({ stage: "pausing", ...silent, unanswered: 1 }), null],
  ["a precaution without an answer is tried again", at({ stage: "asking" }), "unreachable", at({ stage: "pausing", unanswered: 1 }), null],
  ["media that is back ends it", at({ stage: "settling", ...silent, restarts: 1 }), "flowing", WELL, null],
  ["a link that is back ends it", at({ stage: "pausing", ...linkDown, unanswered: 4 }), "connected", WELL, null],
  ["a link alone is not media", at({ stage: "settling", ...linkDown, ...silent, restarts: 1 }), "connected", at({ stage: "settling", ...silent, restarts: 1 }), null],
  ["a second restart is tried", at({ stage: "settling", ...silent, restarts: 1 }), "timer", at({ stage: "asking", ...silent, restarts: 1 }), "restart"],
  ["after two the session is replaced", at({ stage: "settling", ...silent, restarts: 2 }), "timer", WELL, "reopen"],
  ["after a pause it asks again", at({ stage: "pausing", ...silent, unanswered: 9 }), "timer", at({ stage: "asking", ...silent, unanswered: 9 }), "restart"],
  ["a network that is back ends the pause", at({ stage: "pausing", ...silent, unanswered: 9 }), "network", at({ stage: "asking", ...silent, unanswered: 9 }), "restart"],
  ["precautions end", at({ stage: "pausing", unanswered: 3 }), "timer", WELL, null],
])("%s", (_, before, heard, after, act) => {
  expect(decide(before, heard, VIEWER.mostRestarts)).toEqual({ state: after, act });
});

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function recovering(answers: Restart[], settings = VIEWER) {
  const log: string[] = [];
  const recovery = new Recovery(
    {
      random: () => 0,
      restart: () => {
        log.push(`restart ${Date.now() - startMs}`);
        return Promise.resolve(answers.shift() ?? "unreachable");
      },
      reopen: () => log.push(`reopen ${Date.now() - startMs}`),
      onTrouble: (isTroubled) => log.push(isTroubled ? "trouble" : "well"),
    },
    settings,
  );
  const startMs = Date.now();
  return { recovery, log };
}

test("a viewer tries two restarts of three seconds, then a new session", async () => {
  const { recovery, log } = recovering(["restarted", "restarted"]);
  recovery.hear("stalled");
  await vi.advanceTimersByTimeAsync(30_000);
  expect(log).toEqual(["trouble", "restart 0", "restart 3000", "reopen 6000"]);
});

test("a host tries one restart of two seconds, then a new session", async () => {
  const { recovery, log } = recovering(["restarted"], HOST);
  recovery.hear("interrupted");
  await vi.advanceTimersByTimeAsync(30_000);
  expect(log).toEqual(["trouble", "restart 0", "reopen 2000"]);
});

test("trouble and its end are told once", async () => {
  const { recovery, log } = recovering(["restarted"]);
  for (const heard of ["stalled", "stalled", "interrupted", "flowing", "flowing", "connected", "connected"] as const) recovery.hear(heard);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(log).toEqual(["trouble", "restart 0", "well"]);
});

test("pauses grow, and a network that is back is asked at once", async () => {
  const { recovery, log } = recovering([]);
  recovery.hear("interrupted");
  await vi.advanceTimersByTimeAsync(1_500);
  expect(log).toEqual(["trouble", "restart 0", "restart 200", "restart 520", "restart 1032"]);
  recovery.hear("network");
  expect(log.at(-1)).toBe("restart 1500");
});

test("a session that is over recovers no more", async () => {
  const { recovery, log } = recovering([]);
  recovery.hear("interrupted");
  recovery.stop();
  await vi.advanceTimersByTimeAsync(30_000);
  expect(log).toEqual(["trouble", "restart 0"]);
});
