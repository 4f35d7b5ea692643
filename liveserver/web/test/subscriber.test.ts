import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Subscriber, type SubscriberStatus } from "../src/protocol/subscriber";
import type { WhepSession } from "../src/protocol/whep";
import { ANSWER, created, FakePeers, FakeServer, refused, settle, unreachable } from "./support/fakes";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function subscribed(...replies: (() => Response)[]) {
  const peers = new FakePeers();
  const server = new FakeServer(replies);
  const statuses: SubscriberStatus[] = [];
  const sessions: (WhepSession | null)[] = [];
  let token: string | null = null;
  const becomeGuest = vi.fn(() => Promise.resolve((token = "guest")));
  const subscriber = new Subscriber({
    make: peers.make,
    fetch: server.fetch,
    endpoint: "http://server/whep/demo",
    random: () => 0,
    now: () => 0,
    token: () => token,
    becomeGuest,
    onTrack: () => undefined,
    onSession: (session) => sessions.push(session),
    onStatus: (status) => statuses.push(status),
  });
  return { peers, server, statuses, sessions, subscriber, becomeGuest, phases: () => statuses.map((status) => status.phase) };
}

test("a viewer posts a receive-only offer at once, without waiting for candidates", async () => {
  const { subscriber, peers, server } = subscribed(created());
  subscriber.start();
  await settle();
  expect(peers.last.added.map(({ kind, init }) => [kind, init?.direction])).toEqual([["video", "recvonly"], ["audio", "recvonly"]]);
  expect(server.posts()).toHaveLength(1);
  expect(server.posts()[0]?.headers).toMatchObject({ "Content-Type": "application/sdp" });
  expect(server.posts()[0]?.headers["Authorization"]).toBeUndefined();
  expect(peers.last.answer).toBe(ANSWER);
});

test("a viewer is connected when the link is", async () => {
  const { subscriber, peers, phases } = subscribed(created());
  subscriber.start();
  await settle();
  peers.last.become("connected");
  expect(phases()).toEqual(["joining", "connected"]);
});

test("a viewer becomes a guest only when the server asks", async () => {
  const { subscriber, server, becomeGuest } = subscribed(refused(401, "token_missing"), created());
  subscriber.start();
  await settle();
  expect(becomeGuest).toHaveBeenCalledOnce();
  expect(server.posts()[1]?.headers["Authorization"]).toBe("Bearer guest");
});

test("a viewer asks for a guest token once, then waits", async () => {
  const { subscriber, becomeGuest, statuses } = subscribed(refused(401, "token_missing"));
  subscriber.start();
  await settle();
  expect(becomeGuest).toHaveBeenCalledOnce();
  expect(statuses.at(-1)).toMatchObject({ phase: "refused", problem: { code: "token_missing" } });
});

test("a viewer joins again by itself after the server closed the session", async () => {
  const { subscriber, peers, server, sessions } = subscribed(created("a"), created("b"));
  subscriber.start();
  await settle();
  peers.last.become("connected");
  peers.last.transport.change("closed");
  expect(sessions.at(-1)).toBeNull();
  await vi.advanceTimersByTimeAsync(500);
  expect(server.posts()).toHaveLength(2);
  expect(peers.made).toHaveLength(2);
  expect(server.deletes()).toEqual([]);
});

test("an interrupted viewer restarts ICE in the same session", async () => {
  const { subscriber, peers, server, phases } = subscribed(created());
  subscriber.start();
  await settle();
  peers.last.become("connected");
  peers.last.become("disconnected");
  await settle();
  expect(server.patches()).toMatchObject([{ url: "http://server/whep/demo/s1", headers: { "If-Match": "*", "Content-Type": "application/trickle-ice-sdpfrag" } }]);
  expect(server.patches()[0]?.body).toContain("a=ice-ufrag:our1");
  expect(peers.last.answer).toContain("a=ice-ufrag:new1");
  peers.last.become("connected");
  await vi.advanceTimersByTimeAsync(20_000);
  expect(server.posts()).toHaveLength(1);
  expect(phases()).toEqual(["joining", "connected", "interrupted", "connected"]);
});

test("a viewer whom restarts do not help joins anew", async () => {
  const { subscriber, peers, server, phases } = subscribed(created());
  subscriber.start();
  await settle();
  peers.last.become("connected");
  subscriber.hearMedia("stalled");
  await vi.advanceTimersByTimeAsync(8_000);
  expect(server.patches()).toHaveLength(2);
  expect(server.posts()).toHaveLength(2);
  expect(phases()).toEqual(["joining", "connected", "interrupted", "waiting", "joining"]);
});

test("a viewer whose session is gone at the server joins anew at once", async () => {
  const { subscriber, peers, server } = subscribed(created());
  server.patched = refused(404, "session_not_found");
  subscriber.start();
  await settle();
  peers.last.become("connected");
  subscriber.hearMedia("stalled");
  await vi.advanceTimersByTimeAsync(500);
  expect(server.posts()).toHaveLength(2);
});

test("a viewer without an answer keeps its session, asks again and plays on when media is back", async () => {
  const { subscriber, peers, server, phases } = subscribed(created());
  server.patched = unreachable;
  subscriber.start();
  await settle();
  peers.last.become("connected");
  peers.last.become("disconnected");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(server.patches().length).toBeGreaterThan(4);
  expect(peers.last.signalingState).toBe("stable");
  peers.last.become("connected");
  const asked = server.patches().length;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(server.patches()).toHaveLength(asked);
  expect(server.posts()).toHaveLength(1);
  expect(phases().at(-1)).toBe("connected");
});

test("another network makes a playing viewer look for new paths without a word on the page", async () => {
  const { subscriber, peers, server, phases } = subscribed(created());
  subscriber.start();
  await settle();
  peers.last.become("connected");
  subscriber.changeNetwork();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(server.patches()).toHaveLength(1);
  expect(phases()).toEqual(["joining", "connected"]);
});

test("a viewer without a network keeps trying and is woken when it is back", async () => {
  const { subscriber, server, phases } = subscribed(unreachable);
  subscriber.start();
  await vi.advanceTimersByTimeAsync(60_000);
  const tried = server.posts().length;
  expect(tried).toBeGreaterThan(5);
  expect(phases().at(-1)).toBe("waiting");
  server.replies = [created()];
  subscriber.wake();
  await settle();
  expect(server.posts()).toHaveLength(tried + 1);
});

test("a full room is told with the time of the next attempt", async () => {
  const { subscriber, statuses } = subscribed(refused(503, "room_full", 12));
  subscriber.start();
  await settle();
  expect(statuses.at(-1)).toMatchObject({ phase: "refused", retryAtMs: 12_000, problem: { code: "room_full" } });
});

test("a viewer who leaves ends the session at the server and stays away", async () => {
  const { subscriber, peers, server, phases } = subscribed(created());
  subscriber.start();
  await settle();
  subscriber.stop();
  await settle();
  expect(peers.last.isClosed).toBe(true);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(peers.last.isClosed).toBe(true);
  expect(server.deletes().map((call) => call.url)).toEqual(["http://server/whep/demo/s1"]);
  expect(server.posts()).toHaveLength(1);
  expect(phases().at(-1)).toBe("idle");
});

test("a session answered after the viewer left is ended too", async () => {
  const { subscriber, server } = subscribed(created());
  subscriber.start();
  subscriber.stop();
  await settle();
  expect(server.deletes()).toHaveLength(1);
});
