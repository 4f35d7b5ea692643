import { expect, test } from "vitest";
import type { LayersShown } from "../src/protocol/layers";
import { LayerControl, type Seen } from "../src/watch/layers";

const SHOWN: LayersShown = {
  layers: [
    { rid: "l", height: 320, bitrate_bps: 1 },
    { rid: "h", height: 1280, bitrate_bps: 9 },
  ],
  current: "h",
  audio_only: false,
};
const PLAYING = { silentMs: 0, pictureStoppedMs: 0, soundStoppedMs: 0, hasPlayed: true };
const seen = (change: Partial<Seen> = {}): Seen => ({ flow: PLAYING, shownHeight: 2_000, playedHeight: 1280, isLooking: false, ...change });

function controlled(status = 204) {
  const calls: string[] = [];
  const fetcher = ((url: string, init: RequestInit) => {
    calls.push(init.method === "POST" ? String(init.body) : `GET ${url}`);
    return Promise.resolve(init.method === "POST" ? new Response(null, { status }) : new Response(JSON.stringify(SHOWN)));
  }) as unknown as typeof fetch;
  const control = new LayerControl(fetcher, false);
  control.attach("http://server/whep/demo/s1");
  return { control, calls };
}
const GET = "GET http://server/whep/demo/s1/layer";

test("a page with a large screen and no wish asks the server nothing", async () => {
  const { control, calls } = controlled();
  for (let at = 0; at < 60_000; at += 500) await control.tick(seen(), at);
  expect(calls).toEqual([]);
});

test("a small screen is told once it keeps its size", async () => {
  const { control, calls } = controlled();
  for (let at = 0; at < 5_000; at += 500) await control.tick(seen({ shownHeight: at < 1_000 ? 900 : 600 }), at);
  expect(calls).toEqual([GET, '{"rid":null,"max_height":900,"audio_only":false}', GET, '{"rid":null,"max_height":600,"audio_only":false}', GET]);
});

test("a choice goes out at once, to a new session too", async () => {
  const { control, calls } = controlled();
  await control.tick(seen({ isLooking: true }), 0);
  control.choose("low");
  expect(calls).toEqual([GET, '{"rid":"l","max_height":null,"audio_only":false}']);
  control.attach("http://server/whep/demo/s2");
  await control.tick(seen(), 5_000);
  expect(calls.at(-2)).toBe('{"rid":"l","max_height":null,"audio_only":false}');
});

test("a wish that is not taken is told again, but not in haste", async () => {
  const { control, calls } = controlled(429);
  control.quality.value = "saver";
  for (let at = 0; at < 11_000; at += 500) await control.tick(seen(), at);
  expect(calls.filter((call) => call.startsWith("{"))).toHaveLength(3);
});

test("another publisher's layers are asked for again where they matter", async () => {
  const { control, calls } = controlled();
  await control.tick(seen({ isLooking: true }), 0);
  control.choose("high");
  await control.tick(seen(), 10_000);
  control.forget();
  await control.tick(seen(), 20_000);
  await control.tick(seen(), 30_000);
  expect(calls.filter((call) => call === GET)).toHaveLength(3);
});
