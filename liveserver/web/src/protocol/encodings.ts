/**
 * The layers a host sends. Each is half the size of the next; the server gives every viewer the
 * one that fits. Names and shares are fixed, so that a change of quality on air needs no new offer.
 */
export interface SentPicture {
  videoCodec: string;
  /** Shorter side in pixels as the camera really gives it; null when not known. */
  shortSide: number | null;
  /** Of the highest layer. */
  maxBitrateBps: number;
  maxFramesPerSecond: number;
}

/** Lowest first, as the server orders them. Shares give 150, 600 and 2500 kbit/s at 720p. */
const LAYERS = [
  { rid: "l", scale: 4, share: 0.06 },
  { rid: "m", scale: 2, share: 0.24 },
  { rid: "h", scale: 1, share: 1 },
] as const;

/** Their encoders make independent layers in every browser that knows simulcast. */
const SIMULCAST_CODECS = ["VP8", "H264"];
/** A smaller picture has nothing to give away. */
const LEAST_SHORT_SIDE = 540;
/** A layer below this shows no face. */
const LEAST_LAYER_SIDE = 180;

export type Encoding = RTCRtpEncodingParameters & { scalabilityMode?: string };

export function chooseEncodings(picture: SentPicture): Encoding[] {
  const { videoCodec, shortSide, maxBitrateBps, maxFramesPerSecond } = picture;
  const layers = LAYERS.filter(({ scale }) => (shortSide ?? 0) / scale >= LEAST_LAYER_SIDE);
  if (!SIMULCAST_CODECS.includes(videoCodec) || (shortSide ?? 0) < LEAST_SHORT_SIDE) {
    return [{ maxBitrate: maxBitrateBps, maxFramerate: maxFramesPerSecond }];
  }
  return layers.map(({ rid, scale }) => ({
    rid,
    scaleResolutionDownBy: scale,
    maxBitrate: layerBitrate(rid, maxBitrateBps),
    maxFramerate: maxFramesPerSecond,
    scalabilityMode: "L1T1",
  }));
}

/** What a layer may take when the highest may take `maxBitrateBps`; a layer without a name is the only one. */
export function layerBitrate(rid: string | undefined, maxBitrateBps: number): number {
  const share = LAYERS.find((layer) => layer.rid === rid)?.share ?? 1;
  return Math.round(maxBitrateBps * share);
}

/** All layers together. */
export function totalBitrate(encodings: readonly Encoding[]): number {
  return encodings.reduce((sum, { maxBitrate }) => sum + (maxBitrate ?? 0), 0);
}
