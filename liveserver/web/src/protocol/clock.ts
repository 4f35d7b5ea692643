/**
 * The server's clock, seen from here. Each answered request gives one sample: the server's
 * time, and the local times around it. The sample with the shortest round trip is the best
 * one (its error is at most half that round trip), so the least of the recent ones rules.
 * Local times are a monotonic clock in milliseconds (performance.now), server times Unix ms.
 */
interface Sample {
  offsetMs: number;
  rttMs: number;
  atMs: number;
}

const KEPT = 16;
/** Crystals drift by up to 50 ppm: 6 ms in two minutes, still below a poll's own error. */
const MAX_AGE_MS = 120_000;

export class ServerClock {
  private samples: Sample[] = [];

  /** `serverMs` was written between `sentMs` and `receivedMs` of the local clock. */
  add(serverMs: number, sentMs: number, receivedMs: number): void {
    if (!Number.isFinite(serverMs) || receivedMs < sentMs) return;
    const rttMs = receivedMs - sentMs;
    const sample = { offsetMs: serverMs - (sentMs + rttMs / 2), rttMs, atMs: receivedMs };
    this.samples = [...this.samples, sample]
      .filter((each) => receivedMs - each.atMs <= MAX_AGE_MS)
      .slice(-KEPT);
  }

  private best(): Sample | null {
    let best: Sample | null = null;
    for (const sample of this.samples) if (!best || sample.rttMs < best.rttMs) best = sample;
    return best;
  }

  /** Unix ms on the server when the local clock shows `localMs`; null before the first sample. */
  at(localMs: number): number | null {
    const best = this.best();
    return best && localMs + best.offsetMs;
  }

  /** Round trip of the best sample in ms; half of it bounds the clock's error. */
  get rttMs(): number | null {
    return this.best()?.rttMs ?? null;
  }
}
