/**
 * How much a receiver is to buffer. Nothing on a clean line; on one that loses packets long enough
 * for those sent again to arrive in time, since a picture that misses one stands still until they do.
 */
import type { LineCounts } from "./stats";

const WINDOW_MS = 2_500;
/** From here on loss is met; below `STILL_LOSSY` it is over. */
const LOSSY = 0.03;
const STILL_LOSSY = 0.01;
/** One or two packets say nothing of a line. */
const FEW_PACKETS = 3;
const MIN_MS = 200;
const MAX_MS = 500;
/** Noticing a gap, the server's answer and decoding. */
const OVERHEAD_MS = 120;
/** To ask, to be sent it again, and as much once more, as either may be lost too. */
const ROUND_TRIPS = 3.5;
/** For bursts, which take what is sent again as well: at 20 % loss 100 ms. */
const BURST_MS = 500;
const HOLD_MS = 20_000;
const STEP_MS = 100;
const STEP_EVERY_MS = 5_000;

interface Growth {
  atMs: number;
  received: number;
  lost: number;
  freezes: number;
}

export class JitterControl {
  private targetMs = 0;
  private last: LineCounts | null = null;
  private window: Growth[] = [];
  private isAfterSilence = false;
  /** When the next step down is due. */
  private stepAtMs = 0;

  /** What to ask of `jitterBufferTarget` now. */
  get value(): number {
    return this.targetMs;
  }

  /** Another connection counts from 0; the line is taken for the same until it shows otherwise. */
  restart(): void {
    this.last = null;
    this.window = [];
    this.isAfterSilence = false;
  }

  read(counts: LineCounts, atMs: number): number {
    this.look(counts, atMs);
    const received = sum(this.window, "received");
    const lost = sum(this.window, "lost");
    const loss = lost >= FEW_PACKETS ? lost / (received + lost) : 0;
    if (loss >= LOSSY) {
      const wishMs = sum(this.window, "freezes") > 0 ? MAX_MS : wishedMs(loss, counts.rttMs ?? 0);
      this.targetMs = Math.max(this.targetMs, wishMs);
    }
    const isLosing = loss >= STILL_LOSSY && (this.window.at(-1)?.lost ?? 0) > 0;
    if (isLosing) this.stepAtMs = atMs + HOLD_MS;
    else if (this.targetMs > 0 && atMs >= this.stepAtMs) this.stepDown(atMs);
    return this.targetMs;
  }

  private look(counts: LineCounts, atMs: number): void {
    const { last, isAfterSilence } = this;
    this.last = counts;
    if (!last) return;
    const received = counts.received - last.received;
    this.isAfterSilence = received <= 0;
    // An outage is no loss: what it took is gone, and waiting longer would only add delay.
    if (this.isAfterSilence || isAfterSilence) {
      this.window = [];
      return;
    }
    // Where packets sent again count as received, only the requests for them tell of the loss.
    const lost = Math.max(0, counts.lost - last.lost, counts.nacks - last.nacks);
    const freezes = Math.max(0, counts.freezes - last.freezes);
    this.window = [...this.window.filter((growth) => growth.atMs > atMs - WINDOW_MS), { atMs, received, lost, freezes }];
  }

  private stepDown(atMs: number): void {
    const nextMs = this.targetMs - STEP_MS;
    this.targetMs = nextMs < MIN_MS ? 0 : nextMs;
    this.stepAtMs = atMs + STEP_EVERY_MS;
  }
}

/** In whole tens of milliseconds, so that a little more or less is no change. */
function wishedMs(loss: number, rttMs: number): number {
  const wishMs = OVERHEAD_MS + ROUND_TRIPS * rttMs + BURST_MS * loss;
  return Math.min(MAX_MS, Math.max(MIN_MS, Math.ceil(wishMs / 10) * 10));
}

function sum(window: readonly Growth[], key: "received" | "lost" | "freezes"): number {
  return window.reduce((total, growth) => total + growth[key], 0);
}
