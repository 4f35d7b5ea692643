import { expect, test } from "vitest";
import { isTransient, ProblemError, problemOf, readProblem, retryAfterSeconds, unreachable } from "../src/protocol/problem";

test("a problem keeps the server's code and waiting time", async () => {
  const response = new Response('{"code":"room_not_live","title":"Not live","detail":"soon"}', { status: 409, headers: { "Retry-After": "2" } });
  expect(await readProblem(response, 0)).toMatchObject({ code: "room_not_live", status: 409, retryAfterS: 2, detail: "soon" });
});

test.each(["<html>502</html>", "", "null", "[]", '{"code":7}'])("a body that is no problem (%j) gets a code by its status", async (body) => {
  expect(await readProblem(new Response(body, { status: 502 }), 0)).toMatchObject({ code: "http_502", status: 502, retryAfterS: null });
});

test("Retry-After is read as seconds or as a date", () => {
  expect(retryAfterSeconds("3", 0)).toBe(3);
  expect(retryAfterSeconds("Thu, 01 Jan 1970 00:00:10 GMT", 4_000)).toBe(6);
  expect(retryAfterSeconds("soon", 0)).toBeNull();
  expect(retryAfterSeconds(null, 0)).toBeNull();
  expect(retryAfterSeconds("-5", 0)).toBe(0);
});

test("only what may pass by itself is transient", () => {
  expect(isTransient(unreachable(new TypeError("x")))).toBe(true);
  expect(isTransient({ ...unreachable(null), status: 503 })).toBe(true);
  expect(isTransient({ ...unreachable(null), status: 429 })).toBe(true);
  expect(isTransient({ ...unreachable(null), status: 409 })).toBe(false);
});

test("a programming error is not taken for a problem", () => {
  expect(() => problemOf(new RangeError("bug"))).toThrow(RangeError);
  expect(problemOf(new ProblemError(unreachable(null))).code).toBe("unreachable");
});
