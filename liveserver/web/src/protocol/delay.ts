/**
 * How far behind the host the picture on this screen is.
 *
 * `estimatedPlayoutTimestamp` (W3C webrtc-stats, inbound-rtp) names the instant of the picture
 * shown now, on the clock of the sender reports: our server's, taken when the packet arrived.
 * So delay = server's now - that instant + the time from the host to the server (`uplink_ms`).
 * What is not in it: the camera's and the display's own time, some 30 to 80 ms together.
 */

/** Seconds between 1 January 1900 (NTP, RFC 5905) and 1 January 1970 (Unix), in ms. */
export const NTP_UNIX_MS = 2_208_988_800_000;

/** Chromium and WebKit count from 1900, as written in the standard; some builds counted from 1970. */
export function playoutUnixMs(estimatedPlayoutTimestamp: number): number {
  const isNtp = estimatedPlayoutTimestamp > NTP_UNIX_MS * 1.2;
  return isNtp ? estimatedPlayoutTimestamp - NTP_UNIX_MS : estimatedPlayoutTimestamp;
}

export interface DelayParts {
  /** Server's clock at the statistics' instant, Unix ms; null when not known yet. */
  serverNowMs: number | null;
  estimatedPlayoutTimestamp: number | null;
  uplinkMs: number | null;
  /** For browsers without the timestamp: the parts we can add up ourselves. */
  rttMs: number | null;
  jitterBufferMs: number | null;
}

const LARGEST_MS = 60_000;
/** The clock's error may make a very short delay negative: shown as zero, not as nonsense. */
const LARGEST_NEGATIVE_MS = -500;

/** Delay in ms, 0 to 60 000, or null when it cannot be told. */
export function estimateDelay(parts: DelayParts): number | null {
  const uplinkMs = parts.uplinkMs ?? 0;
  let delayMs: number | null = null;
  if (parts.estimatedPlayoutTimestamp !== null && parts.serverNowMs !== null) {
    delayMs = parts.serverNowMs - playoutUnixMs(parts.estimatedPlayoutTimestamp) + uplinkMs;
  }
  if (delayMs === null || delayMs < LARGEST_NEGATIVE_MS || delayMs > LARGEST_MS) {
    if (parts.rttMs === null || parts.jitterBufferMs === null) return null;
    delayMs = parts.rttMs / 2 + parts.jitterBufferMs + uplinkMs;
  }
  return Math.round(Math.min(LARGEST_MS, Math.max(0, delayMs)));
}

/** A number for people: the median of the last few, so that it does not flicker. */
export class SteadyDelay {
  private recent: number[] = [];

  constructor(private readonly kept = 5) {}

  add(delayMs: number | null): number | null {
    if (delayMs !== null) this.recent = [...this.recent, delayMs].slice(-this.kept);
    return this.value;
  }

  get value(): number | null {
    if (this.recent.length === 0) return null;
    const sorted = [...this.recent].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? null;
  }

  reset(): void {
    this.recent = [];
  }
}
