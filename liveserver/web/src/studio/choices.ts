/** What the host chose, kept in this browser for the next show. */
import { chooseEncodings, totalBitrate } from "../protocol/encodings";
import { recall, remember } from "../ui/storage";

export type Quality = "540p" | "720p" | "1080p";
export type Orientation = "portrait" | "landscape";

export interface Choices {
  quality: Quality;
  orientation: Orientation;
  cleanSound: boolean;
  guides: boolean;
  cameraId: string | null;
  microphoneId: string | null;
}

export interface Picture {
  /** Shorter and longer side in pixels. */
  short: number;
  long: number;
  maxBitrateBps: number;
}

/** Bitrates at which an encoder keeps a talking person and a product sharp at 30 fps. */
export const QUALITIES: Readonly<Record<Quality, Picture>> = {
  "540p": { short: 540, long: 960, maxBitrateBps: 1_200_000 },
  "720p": { short: 720, long: 1280, maxBitrateBps: 2_500_000 },
  "1080p": { short: 1080, long: 1920, maxBitrateBps: 4_500_000 },
};

/** What the uplink must carry for it at most: every layer at once. */
export function uplinkBps(quality: Quality): number {
  const { short, maxBitrateBps } = QUALITIES[quality];
  return totalBitrate(chooseEncodings({ videoCodec: "VP8", shortSide: short, maxBitrateBps, maxFramesPerSecond: 30 }));
}

const DEFAULTS: Choices = { quality: "720p", orientation: "portrait", cleanSound: true, guides: true, cameraId: null, microphoneId: null };

export function recallChoices(): Choices {
  return readChoices(recall("studio"));
}

/** Whatever is stored, the answer is usable. */
export function readChoices(stored: unknown): Choices {
  if (typeof stored !== "object" || stored === null) return DEFAULTS;
  const given = stored as Record<string, unknown>;
  const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : null);
  return {
    quality: typeof given["quality"] === "string" && Object.hasOwn(QUALITIES, given["quality"]) ? (given["quality"] as Quality) : DEFAULTS.quality,
    orientation: given["orientation"] === "landscape" ? "landscape" : "portrait",
    cleanSound: given["cleanSound"] !== false,
    guides: given["guides"] !== false,
    cameraId: text(given["cameraId"]),
    microphoneId: text(given["microphoneId"]),
  };
}

export function keepChoices(choices: Choices): void {
  remember("studio", choices);
}
