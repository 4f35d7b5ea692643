import { expect, test } from "vitest";
import { ServerClock } from "../src/protocol/clock";

test("the clock knows nothing before the first answer", () => {
  const clock = new ServerClock();
  expect(clock.at(100)).toBeNull();
  expect(clock.rttMs).toBeNull();
});

test("the clock takes the server's time as written in the middle of the round trip", () => {
  const clock = new ServerClock();
  clock.add(1_000_000, 0, 40);
  expect(clock.at(20)).toBe(1_000_000);
  expect(clock.at(1020)).toBe(1_001_000);
});

test("the clock believes the answer with the shortest round trip", () => {
  const clock = new ServerClock();
  clock.add(1_000_000, 0, 400);
  clock.add(1_001_000, 1_000, 1_010);
  clock.add(1_003_300, 2_000, 2_900);
  expect(clock.rttMs).toBe(10);
  expect(clock.at(1_005)).toBe(1_001_000);
});

test("the clock forgets a good answer after two minutes", () => {
  const clock = new ServerClock();
  clock.add(1_000_000, 0, 2);
  clock.add(1_200_000, 199_950, 200_050);
  expect(clock.rttMs).toBe(100);
});

test("the clock ignores nonsense", () => {
  const clock = new ServerClock();
  clock.add(Number.NaN, 0, 10);
  clock.add(5, 10, 0);
  expect(clock.at(0)).toBeNull();
});
