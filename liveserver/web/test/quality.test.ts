import { expect, test } from "vitest";
import type { Layer } from "../src/protocol/layers";
import { firstQuality, isOtherSize, isSameWish, layerOf, linesOf, NO_WISH, offeredQualities, shownHeight, soundOnly, wantsLayers, wishOf, type HeardOnly, type Quality } from "../src/watch/quality";

const layer = (rid: string, height: number | null): Layer => ({ rid, height, bitrate_bps: 1 });
const THREE = [layer("l", 320), layer("m", 640), layer("h", 1280)];
const TWO = [layer("m", 480), layer("h", 960)];
const ONE = [layer("", 1280)];
const UPRIGHT = { width: 720, height: 1280 };

test("only what exists can be chosen", () => {
  expect(offeredQualities([])).toEqual(["auto", "audio"]);
  expect(offeredQualities(ONE)).toEqual(["auto", "audio"]);
  expect(offeredQualities(TWO)).toEqual(["auto", "high", "low", "saver", "audio"]);
  expect(offeredQualities(THREE)).toEqual(["auto", "high", "medium", "low", "saver", "audio"]);
});

test("a name means a place in the order, whatever the layers are called", () => {
  const rid = (quality: Quality, layers: Layer[]) => layerOf(quality, layers)?.rid;
  expect((["high", "medium", "low", "saver"] as const).map((quality) => rid(quality, THREE))).toEqual(["h", "m", "l", "l"]);
  expect((["high", "medium", "low"] as const).map((quality) => rid(quality, TWO))).toEqual(["h", "m", "m"]);
  expect(layerOf("high", ONE)).toBeNull();
  expect(layerOf("auto", THREE)).toBeNull();
});

test("a choice becomes a wish", () => {
  expect(wishOf("medium", THREE, 1_000)).toEqual({ ...NO_WISH, rid: "m" });
  expect(wishOf("audio", THREE, 1_000)).toEqual({ ...NO_WISH, audio_only: true });
  expect(wishOf("saver", [], 1_000)).toEqual({ ...NO_WISH, max_height: 1 });
  expect(isSameWish(wishOf("high", THREE, 1), wishOf("high", THREE, 2))).toBe(true);
  expect(isSameWish(wishOf("high", THREE, 1), NO_WISH)).toBe(false);
});

test("only a screen smaller than the picture is worth telling", () => {
  expect(wishOf("auto", THREE, 1_000)).toEqual({ ...NO_WISH, max_height: 1_000 });
  expect(wishOf("auto", THREE, 1_280)).toEqual(NO_WISH);
  expect(wishOf("auto", ONE, 300)).toEqual(NO_WISH);
  expect(wishOf("high", [], 300)).toEqual(NO_WISH);
});

test("a visit begins with what was chosen last, or saves data where the browser says so", () => {
  expect(firstQuality("high", true)).toBe("high");
  expect(firstQuality(null, true)).toBe("saver");
  expect(firstQuality("audio", false)).toBe("auto");
  expect(firstQuality({}, false)).toBe("auto");
});

test("the height that counts is the picture's on the screen, in device pixels", () => {
  const phone = { width: 390, height: 844 };
  expect(shownHeight(phone, UPRIGHT, "cover", 3)).toBe(2_532);
  expect(shownHeight(phone, { width: 1280, height: 720 }, "contain", 2)).toBe(439);
  expect(shownHeight(phone, null, "cover", 1)).toBe(844);
  expect(shownHeight({ width: 0, height: 0 }, null, "cover", 1)).toBeNull();
});

test("a fifth more or less is another size", () => {
  expect([isOtherSize(null, 800), isOtherSize(800, 950), isOtherSize(800, 970), isOtherSize(800, 600), isOtherSize(null, null)]).toEqual([true, false, true, true, false]);
});

test("lines are counted along the shorter side", () => {
  expect(THREE.map(({ height }) => linesOf(height, UPRIGHT))).toEqual([180, 360, 720]);
  expect(linesOf(720, { width: 1280, height: 720 })).toBe(720);
  expect(linesOf(null, UPRIGHT)).toBeNull();
});

const heard = (change: Partial<HeardOnly> = {}): HeardOnly => ({
  quality: "auto", shown: { layers: THREE, current: "h", audio_only: false }, pictureStoppedMs: 0, soundStoppedMs: 0, hasPlayed: true, hostSends: { video: true, audio: true }, ...change,
});
const poor = { shown: { layers: THREE, current: null, audio_only: true }, pictureStoppedMs: 2_000 };

test("sound without a picture has a reason", () => {
  expect(soundOnly(heard())).toBeNull();
  expect(soundOnly(heard({ quality: "audio" }))).toBe("wish");
  expect(soundOnly(heard(poor))).toBe("poor");
  expect(soundOnly(heard({ ...poor, pictureStoppedMs: 300 }))).toBeNull();
  expect(soundOnly(heard({ ...poor, soundStoppedMs: 2_000 }))).toBeNull();
  expect(soundOnly(heard({ hostSends: { video: false, audio: true } }))).toBe("host");
  expect(soundOnly(heard({ hostSends: null }))).toBeNull();
  expect(soundOnly(heard({ pictureStoppedMs: 2_500 }))).toBeNull();
  expect(soundOnly(heard({ pictureStoppedMs: 3_000 }))).toBe("missing");
  expect(soundOnly(heard({ pictureStoppedMs: 9_000, hasPlayed: false }))).toBeNull();
});

test("layers are asked for when somebody looks, when they matter, and when the picture is missing", () => {
  const base = { isLooking: false, isNeeded: false, isKnown: false, pictureStoppedMs: 0, soundStoppedMs: 0, sinceMs: 60_000 };
  expect(wantsLayers(base)).toBe(false);
  expect(wantsLayers({ ...base, isNeeded: true })).toBe(true);
  expect(wantsLayers({ ...base, isNeeded: true, isKnown: true })).toBe(false);
  expect(wantsLayers({ ...base, isNeeded: true, sinceMs: 1_000 })).toBe(false);
  expect(wantsLayers({ ...base, isLooking: true, isKnown: true })).toBe(true);
  expect(wantsLayers({ ...base, isLooking: true, sinceMs: 500 })).toBe(false);
  expect(wantsLayers({ ...base, pictureStoppedMs: 1_500 })).toBe(true);
  expect(wantsLayers({ ...base, pictureStoppedMs: 1_500, soundStoppedMs: 1_500, isNeeded: true })).toBe(false);
});
