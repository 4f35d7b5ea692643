/**
 * Waiting times between attempts: exponential, capped, with full jitter downwards to half,
 * so that thousands of viewers who lost the same server do not come back in one instant.
 */
export interface BackoffSettings {
  firstMs: number;
  capMs: number;
  factor: number;
}

export const REJOIN: BackoffSettings = { firstMs: 400, capMs: 8_000, factor: 1.8 };

export class Backoff {
  private attempts = 0;

  /** `random` gives 0..1, as Math.random does. */
  constructor(
    private readonly random: () => number,
    private readonly settings: BackoffSettings = REJOIN,
  ) {}

  /** Milliseconds to wait before the next attempt; never shorter than `atLeastMs`. */
  next(atLeastMs = 0): number {
    const { firstMs, capMs, factor } = this.settings;
    const full = Math.min(capMs, firstMs * factor ** this.attempts);
    this.attempts += 1;
    return Math.max(atLeastMs, full * (0.5 + this.random() / 2));
  }

  reset(): void {
    this.attempts = 0;
  }
}

/** `periodMs` give or take a fifth: polls of many pages spread out by themselves. */
export function jittered(periodMs: number, random: () => number): number {
  return periodMs * (0.8 + random() * 0.4);
}
