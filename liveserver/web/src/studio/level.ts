/** How loud the microphone is, twenty times a second. */
import { signal } from "@preact/signals";

const PERIOD_MS = 50;
/** Full scale is 0 dB; below this a meter shows nothing. */
const FLOOR_DB = -60;
/** Quieter than this for ten seconds is a dead microphone, not a pause in speech. */
const HEARD_DB = -50;

export type Loudness = "none" | "low" | "good" | "high";

export function loudnessOf(db: number): Loudness {
  if (db < HEARD_DB) return "none";
  if (db < -34) return "low";
  return db > -3 ? "high" : "good";
}

/** Peak of the samples in dB, at least FLOOR_DB. */
export function peakDb(samples: Float32Array): number {
  let peak = 0;
  for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
  return peak === 0 ? FLOOR_DB : Math.max(FLOOR_DB, 20 * Math.log10(peak));
}

export class LevelMeter {
  /** 0..1 for the bar: rises at once, falls slowly, as such meters do. */
  readonly level = signal(0);
  readonly loudness = signal<Loudness>("none");
  /** performance.now() of the last sound; null when never heard. */
  readonly heardAtMs = signal<number | null>(null);

  private context: AudioContext | null = null;
  private source: MediaStreamAudioSourceNode | null = null;
  private analyser: AnalyserNode | null = null;
  private samples = new Float32Array(1024);
  private loudestDb = FLOOR_DB;

  listen(track: MediaStreamTrack): void {
    this.context ??= this.wakeable(new AudioContext());
    this.source?.disconnect();
    this.analyser ??= new AnalyserNode(this.context, { fftSize: 2048 });
    this.samples = new Float32Array(this.analyser.fftSize);
    this.source = this.context.createMediaStreamSource(new MediaStream([track]));
    this.source.connect(this.analyser);
  }

  /** Browsers may hold sound back until a person touches the page. */
  private wakeable(context: AudioContext): AudioContext {
    setInterval(() => this.read(), PERIOD_MS);
    const wake = () => void context.resume().catch(() => undefined);
    for (const event of ["pointerdown", "keydown"]) document.addEventListener(event, wake);
    wake();
    return context;
  }

  private read(): void {
    if (!this.analyser || this.context?.state !== "running") return;
    this.analyser.getFloatTimeDomainData(this.samples);
    const db = peakDb(this.samples);
    const level = (db - FLOOR_DB) / -FLOOR_DB;
    this.level.value = Math.round(Math.max(level, this.level.value - 0.03) * 100) / 100;
    this.loudestDb = Math.max(db, this.loudestDb - 0.6);
    this.loudness.value = loudnessOf(this.loudestDb);
    if (db >= HEARD_DB) this.heardAtMs.value = performance.now();
  }
}
