import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Publisher, type PublisherPhase } from "../src/protocol/publisher";
import type { Problem } from "../src/protocol/problem";
import { created, FakePeers, FakeServer, refused, settle, unreachable } from "./support/fakes";

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("RTCRtpSender", { getCapabilities: () => ({ codecs: [] }) });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const stream = { getAudioTracks: () => [{ kind: "audio" }], getVideoTracks: () => [{ kind: "video", getSettings: () => ({ width: 720, height: 1280 }) }] } as unknown as MediaStream;

function hosting(replies: (() => Response)[], mayResume = () => Promise.resolve(true)) {
  const peers = new FakePeers();
  const server = new FakeServer(replies);
  const told: [PublisherPhase, Problem | null][] = [];
  const publisher = new Publisher({
    make: peers.make,
    fetch: server.fetch,
    endpoint: "http://server/whip/demo",
    random: () => 0,
    token: () => "host-token",
    stream: () => stream,
    send: () => ({ videoCodec: "VP8", maxBitrateBps: 2_500_000, maxFramesPerSecond: 30 }),
    mayResume,
    onStatus: (phase, problem) => told.push([phase, problem]),
  });
  return { peers, server, publisher, told, phases: () => told.map(([phase]) => phase) };
}

test("a host sends one microphone and one camera in three sizes with its token", async () => {
  const { publisher, peers, server } = hosting([created()]);
  publisher.start();
  await settle();
  expect(peers.last.added.map(({ kind, init }) => [kind, init?.direction])).toEqual([["audio", "sendonly"], ["video", "sendonly"]]);
  expect(peers.last.added[1]?.init?.sendEncodings?.map(({ rid, maxBitrate }) => [rid, maxBitrate])).toEqual([["l", 150_000], ["m", 600_000], ["h", 2_500_000]]);
  expect(server.posts()[0]).toMatchObject({ url: "http://server/whip/demo", headers: { Authorization: "Bearer host-token" } });
});

test("a host publishes again by itself when the server closed the session", async () => {
  const { publisher, peers, server, phases } = hosting([created("a"), created("b")]);
  publisher.start();
  await settle();
  peers.last.become("connected");
  peers.last.transport.change("closed");
  await vi.advanceTimersByTimeAsync(1_000);
  peers.last.become("connected");
  expect(server.posts()).toHaveLength(2);
  expect(phases()).toEqual(["connecting", "live", "reconnecting", "reconnecting", "live"]);
});

test("a host who changed network restarts ICE, and publishes anew within five seconds if that does not help", async () => {
  const { publisher, peers, server, phases } = hosting([created("a"), created("b")]);
  publisher.start();
  await settle();
  peers.last.become("connected");
  peers.last.become("disconnected");
  await settle();
  expect(server.patches()).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(server.posts()).toHaveLength(2);
  expect(server.calls.map((call) => call.method)).toEqual(["POST", "PATCH", "DELETE", "POST"]);
  expect(phases().slice(0, 4)).toEqual(["connecting", "live", "interrupted", "reconnecting"]);
});

test("a host asks for its turn only after its old session has let the room go", async () => {
  let open = true;
  const turns: boolean[] = [];
  const { publisher, peers, server } = hosting([created("a"), created("b")], () => Promise.resolve(turns.push(open) > 0));
  const { fetch } = server;
  Object.assign(server, { patched: refused(404, "session_not_found") });
  Object.assign(publisher["settings"], {
    fetch: ((url: string, init: RequestInit) => fetch(url, init).then(async (response) => {
      if (init.method === "DELETE") await new Promise<void>((resolve) => setTimeout(() => resolve(void (open = false)), 600));
      return response;
    })) as typeof globalThis.fetch,
  });
  publisher.start();
  await settle();
  peers.last.become("connected");
  peers.last.become("disconnected");
  await vi.advanceTimersByTimeAsync(2_000);
  expect(turns).toEqual([false]);
  expect(server.posts()).toHaveLength(2);
});

test("a host who lost the room to another one is told, and does not fight for it", async () => {
  const { publisher, peers, server, told } = hosting([created()], () => Promise.resolve(false));
  publisher.start();
  await settle();
  peers.last.become("connected");
  peers.last.transport.change("closed");
  await vi.advanceTimersByTimeAsync(30_000);
  expect(server.posts()).toHaveLength(1);
  expect(told.at(-1)).toMatchObject(["refused", { code: "taken_over" }]);
});

test("a taken room is a question, and only the answer takes over", async () => {
  const { publisher, server, told } = hosting([refused(409, "room_taken"), created()]);
  publisher.start();
  await settle();
  expect(told.at(-1)).toMatchObject(["refused", { code: "room_taken" }]);
  publisher.start({ takeOver: true });
  await settle();
  expect(server.posts().map((call) => call.url)).toEqual(["http://server/whip/demo", "http://server/whip/demo?takeover=1"]);
});

test("a host who took over returns without taking over again", async () => {
  const { publisher, peers, server } = hosting([created()]);
  publisher.start({ takeOver: true });
  await settle();
  peers.last.become("connected");
  peers.last.transport.change("closed");
  await vi.advanceTimersByTimeAsync(1_000);
  expect(server.posts()[1]?.url).toBe("http://server/whip/demo");
});

test("a host without a network keeps trying", async () => {
  const { publisher, server, phases } = hosting([unreachable]);
  publisher.start();
  await vi.advanceTimersByTimeAsync(30_000);
  expect(server.posts().length).toBeGreaterThan(3);
  expect(phases().at(-1)).toBe("reconnecting");
});

test("a host who leaves ends the session", async () => {
  const { publisher, server, phases } = hosting([created()]);
  publisher.start();
  await settle();
  publisher.stop();
  expect(server.deletes()).toHaveLength(1);
  expect(phases().at(-1)).toBe("idle");
});

test("another camera is sent without a new offer", async () => {
  const { publisher, peers, server } = hosting([created()]);
  publisher.start();
  await settle();
  const track = { kind: "video" } as MediaStreamTrack;
  expect(await publisher.session?.replaceTrack(track)).toBe(true);
  expect(peers.last.replaced).toEqual([track]);
  expect(server.posts()).toHaveLength(1);
});
