/**
 * Which codec to send by default. Every WebRTC browser decodes VP8 and H.264 constrained
 * baseline (RFC 7742), so viewers leave the choice to the host's machine: H.264 where the
 * chip encodes it (a phone stays cool for hours), else VP8, whose software encoder is lighter
 * and copes better with loss than the software H.264 browsers ship.
 */
import { QUALITIES, type Quality } from "./choices";

export interface EncoderChoice {
  codec: string;
  isHardware: boolean;
}

const KNOWN = ["VP8", "H264", "VP9", "AV1"];
const H264_TYPE = "video/H264;level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";

type Ask = (configuration: MediaEncodingConfiguration) => Promise<{ supported: boolean; smooth: boolean; powerEfficient: boolean }>;

/** `wish` is the page's ?codec=, for tests and for people who know better. */
export async function chooseEncoder(wish: string | null, quality: Quality, ask: Ask | null): Promise<EncoderChoice> {
  const wished = KNOWN.find((codec) => codec === wish?.toUpperCase());
  if (wished) return { codec: wished, isHardware: false };
  const { short, long, maxBitrateBps } = QUALITIES[quality];
  try {
    const h264 = await ask?.({
      type: "webrtc",
      video: { contentType: H264_TYPE, width: long, height: short, bitrate: maxBitrateBps, framerate: 30 },
    });
    if (h264?.supported && h264.smooth && h264.powerEfficient) return { codec: "H264", isHardware: true };
  } catch {
    // Not every browser knows the question; VP8 is right for all that do not.
  }
  return { codec: "VP8", isHardware: false };
}

export const askBrowser: Ask | null =
  typeof navigator !== "undefined" && navigator.mediaCapabilities
    ? (configuration) => navigator.mediaCapabilities.encodingInfo(configuration)
    : null;
