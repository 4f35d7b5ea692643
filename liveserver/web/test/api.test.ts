import { expect, test } from "vitest";
import { Api } from "../src/protocol/api";
import { ServerClock } from "../src/protocol/clock";
import { ProblemError } from "../src/protocol/problem";
import { FakeServer, refused, unreachable } from "./support/fakes";

function asking(reply: () => Response) {
  const server = new FakeServer([reply]);
  const clock = new ServerClock();
  let nowMs = 0;
  const api = new Api({ fetch: server.fetch, now: () => (nowMs += 10), clock });
  return { server, clock, api };
}

const room = () => new Response(JSON.stringify({ room: "demo", server_time: "2026-01-01T00:00:00.000Z" }));

test("reading a room sets the clock", async () => {
  const { api, clock } = asking(room);
  await api.room("demo");
  expect(clock.rttMs).toBe(10);
  expect(clock.at(15)).toBe(Date.parse("2026-01-01T00:00:00Z"));
});

test("a viewer's poll carries its session and delay", async () => {
  const { api, server } = asking(room);
  await api.room("a b", { session: "x/y", delayMs: 130 });
  expect(server.calls[0]?.url).toBe("/api/v1/rooms/a%20b?session=x%2Fy&delay_ms=130");
});

test("a change of the room carries the token", async () => {
  const { api, server } = asking(room);
  api.token = "secret";
  await api.changeRoom("demo", { state: "paused" });
  expect(server.calls[0]).toMatchObject({ method: "PATCH", body: '{"state":"paused"}', headers: { Authorization: "Bearer secret" } });
});

test("a refusal is thrown as its problem", async () => {
  await expect(asking(refused(404, "room_not_found")).api.room("x")).rejects.toMatchObject({ problem: { code: "room_not_found" } });
});

test.each([unreachable, () => new Response("not json")])("no usable answer is thrown as unreachable", async (reply) => {
  const failure = await asking(reply).api.rooms().catch((thrown: unknown) => thrown);
  expect(failure).toBeInstanceOf(ProblemError);
  expect((failure as ProblemError).problem.code).toBe("unreachable");
});

test("a guest token is kept for what follows", async () => {
  const { api } = asking(() => new Response('{"token":"g"}'));
  expect(await api.becomeGuest()).toBe("g");
  expect(api.token).toBe("g");
});
