/** Which picture a viewer asks for. Pure: from a choice and what there is to a wish and to words. */
import type { Layer, LayersShown, LayerWish } from "../protocol/layers";

export const QUALITIES = ["auto", "high", "medium", "low", "saver", "audio"] as const;
export type Quality = (typeof QUALITIES)[number];

interface Size {
  width: number;
  height: number;
}

/** The choice a visit begins with. Sound only is not kept: a page without a picture would surprise. */
export function firstQuality(stored: unknown, savesData: boolean): Quality {
  const known = QUALITIES.find((quality) => quality === stored);
  if (known && known !== "audio") return known;
  return savesData ? "saver" : "auto";
}

/** What can be chosen: only layers that exist; saving needs something to save. */
export function offeredQualities(layers: readonly Layer[]): Quality[] {
  if (layers.length < 2) return ["auto", "audio"];
  return layers.length < 3 ? ["auto", "high", "low", "saver", "audio"] : [...QUALITIES];
}

/** The layer of a fixed choice; null where the server chooses. */
export function layerOf(quality: Quality, layers: readonly Layer[]): Layer | null {
  if (layers.length < 2) return null;
  switch (quality) {
    case "high":
      return layers.at(-1) ?? null;
    case "medium":
      return layers.at(layers.length >= 3 ? -2 : 0) ?? null;
    case "low":
    case "saver":
      return layers[0] ?? null;
    default:
      return null;
  }
}

export const NO_WISH: LayerWish = { rid: null, max_height: null, audio_only: false };

/** The smallest ceiling there is: the lowest layer, whatever its height. */
const LOWEST = 1;

/**
 * Saving data is a ceiling, not a fixed layer: on a link too poor even for that the server may
 * still choose sound alone. A screen larger than the picture is no wish: most pages have none.
 */
export function wishOf(quality: Quality, layers: readonly Layer[], shownHeight: number | null): LayerWish {
  if (quality === "audio") return { ...NO_WISH, audio_only: true };
  if (quality === "saver") return { ...NO_WISH, max_height: LOWEST };
  const layer = layerOf(quality, layers);
  if (layer) return { ...NO_WISH, rid: layer.rid };
  const isSmaller = shownHeight !== null && shownHeight < (layers.at(-1)?.height ?? 0);
  return { ...NO_WISH, max_height: layers.length > 1 && isSmaller ? shownHeight : null };
}

export const isSameWish = (a: LayerWish, b: LayerWish) => a.rid === b.rid && a.max_height === b.max_height && a.audio_only === b.audio_only;

/** Height in device pixels that the picture takes up in its element. */
export function shownHeight(element: Size, picture: Size | null, fit: "cover" | "contain", pixelRatio: number): number | null {
  if (element.width <= 0 || element.height <= 0) return null;
  if (!picture || picture.width <= 0) return Math.ceil(element.height * pixelRatio);
  const byWidth = (element.width * picture.height) / picture.width;
  const height = fit === "cover" ? Math.max(element.height, byWidth) : Math.min(element.height, byWidth);
  return Math.ceil(height * pixelRatio);
}

/** A turned phone is worth telling, a moving toolbar is not. */
export function isOtherSize(before: number | null, after: number | null): boolean {
  if (before === null || after === null) return before !== after;
  return Math.abs(after - before) > 0.2 * before;
}

/** "720" of "720p": people count the shorter side, whichever way the picture stands. */
export function linesOf(height: number | null, picture: Size | null): number | null {
  if (height === null) return null;
  if (!picture || picture.width >= picture.height || picture.height === 0) return height;
  return Math.round((height * picture.width) / picture.height / 2) * 2;
}

/** Why there is sound but no picture. */
export type SoundOnly = "wish" | "poor" | "missing" | "host" | null;

export interface HeardOnly {
  quality: Quality;
  shown: LayersShown | null;
  /** Since the last frame, and since the last packet of sound. */
  pictureStoppedMs: number;
  soundStoppedMs: number;
  /** A picture has been seen in this session. */
  hasPlayed: boolean;
  /** The host's own formats; null without a host. */
  hostSends: { video: boolean; audio: boolean } | null;
}

const STOPPED_MS = 2_000;
/** A moment is a key frame on its way; longer is a picture that somebody misses. */
const MISSED_MS = 3_000;

export function soundOnly(heard: HeardOnly): SoundOnly {
  if (heard.quality === "audio") return "wish";
  if (heard.hostSends?.audio && !heard.hostSends.video) return "host";
  if (heard.pictureStoppedMs < STOPPED_MS || heard.soundStoppedMs >= STOPPED_MS) return null;
  if (heard.shown?.audio_only) return "poor";
  return heard.hostSends?.video && heard.hasPlayed && heard.pictureStoppedMs >= MISSED_MS ? "missing" : null;
}

export interface Curious {
  /** Somebody looks at the settings or the numbers. */
  isLooking: boolean;
  /** The choice names a layer, or the screen is smaller than the picture. */
  isNeeded: boolean;
  /** Of the publisher there is now. */
  isKnown: boolean;
  pictureStoppedMs: number;
  soundStoppedMs: number;
  /** Since the last question. */
  sinceMs: number;
}

/** Layers are asked for only when it matters: thousands of pages would ask. */
export function wantsLayers(at: Curious): boolean {
  if (at.isLooking) return at.sinceMs >= 2_000;
  const isPlaying = at.pictureStoppedMs < 1_000;
  if (isPlaying) return at.isNeeded && !at.isKnown && at.sinceMs >= 3_000;
  return at.soundStoppedMs < 1_000 && at.sinceMs >= 1_000;
}
