import { expect, test } from "vitest";
import { judgeReturn, readMark, type ReturnFacts } from "../src/studio/returning";

const facts = (change: Partial<ReturnFacts> = {}): ReturnFacts => ({
  token: "ok", room: "yours", isOurName: true, isOpening: false, hasCamera: true, hasMicrophone: true, hasEncoder: true, ...change,
});

test.each<[string, Partial<ReturnFacts>]>([
  ["go", {}],
  ["go", { room: "taken" }],
  ["go", { room: "demo" }],
  ["ask", { room: "taken", isOurName: false }],
  ["ask", { room: "ended" }],
  ["ask", { token: "token_expired" }],
  ["ask", { hasCamera: false }],
  ["ask", { hasMicrophone: false }],
  ["wait", { token: "wait" }],
  ["wait", { room: "unknown" }],
  ["wait", { isOpening: true, hasCamera: false, hasMicrophone: false }],
  ["wait", { hasEncoder: false }],
])("a reloaded studio says %s", (verdict, change) => {
  expect(judgeReturn(facts(change))).toBe(verdict);
});

test("only this room's fresh mark counts", () => {
  const mark = JSON.stringify({ room: "demo", nowMs: 1_000 });
  expect(readMark(mark, "demo", 5_000)).toBe(true);
  expect(readMark(mark, "other", 5_000)).toBe(false);
  expect(readMark(mark, "demo", 3_600_000)).toBe(false);
  for (const broken of [null, "", "{", "7", "{}"]) expect(readMark(broken, "demo", 0)).toBe(false);
});
