import { expect, test } from "vitest";
import { Backoff, jittered } from "../src/protocol/backoff";

test("waiting grows to its cap and starts small again after a success", () => {
  const backoff = new Backoff(() => 1, { firstMs: 100, capMs: 1_000, factor: 3 });
  expect([backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([100, 300, 900, 1_000]);
  backoff.reset();
  expect(backoff.next()).toBe(100);
});

test("waiting is spread over half its length, never below what the server asked for", () => {
  expect(new Backoff(() => 0, { firstMs: 100, capMs: 100, factor: 1 }).next()).toBe(50);
  expect(new Backoff(() => 0).next(5_000)).toBe(5_000);
});

test("a period is spread by a fifth both ways", () => {
  expect(jittered(1_000, () => 0)).toBe(800);
  expect(jittered(1_000, () => 1)).toBeCloseTo(1_200);
});
