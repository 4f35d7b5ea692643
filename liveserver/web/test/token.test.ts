import { expect, test } from "vitest";
import { judgeHostToken, readClaims } from "../src/protocol/token";

const encode = (claims: unknown) => {
  const bytes = new TextEncoder().encode(JSON.stringify(claims));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};
const token = (claims: object) => `${encode({ alg: "HS256" })}.${encode(claims)}.signature`;

test("claims are read, Chinese names too", () => {
  expect(readClaims(token({ name: "阿棠", roles: ["host"] }))).toMatchObject({ name: "阿棠" });
});

test.each(["", "a", "a.b", "a.b.c", "a.!!.c", `${encode({})}.${encode(7)}.c`])("%j is no token", (text) => {
  expect(readClaims(text)).toBeNull();
});

test("a host token is judged by its own words", () => {
  const roles = ["host"];
  expect(judgeHostToken(null, "demo", 0)).toBe("token_missing");
  expect(judgeHostToken("x", "demo", 0)).toBe("token_invalid");
  expect(judgeHostToken(token({ roles, exp: 10 }), "demo", 10_000)).toBe("token_expired");
  expect(judgeHostToken(token({ roles: ["guest"] }), "demo", 0)).toBe("forbidden");
  expect(judgeHostToken(token({ roles, room: "other" }), "demo", 0)).toBe("forbidden");
  expect(judgeHostToken(token({ roles, room: "demo", exp: 10 }), "demo", 0)).toBe("ok");
  expect(judgeHostToken(token({ roles: ["merchant"] }), "demo", 0)).toBe("ok");
});
