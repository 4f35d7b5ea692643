/** Counts the frames a <video> really shows: a camera that is open but dark or stuck shows none. */
import { signal } from "@preact/signals";

export interface SeenFrames {
  width: number;
  height: number;
  perSecond: number;
}

const WINDOW_MS = 1_000;
const LOST_MS = 2_500;

export class FrameCounter {
  readonly seen = signal<SeenFrames | null>(null);
  private video: HTMLVideoElement | null = null;
  private count = 0;
  private lastMs = 0;

  constructor() {
    setInterval(() => this.sum(), WINDOW_MS);
  }

  watch(video: HTMLVideoElement): void {
    this.video = video;
    const onFrame = () => {
      if (this.video !== video) return;
      this.count += 1;
      this.lastMs = performance.now();
      video.requestVideoFrameCallback(onFrame);
    };
    if (typeof video.requestVideoFrameCallback === "function") video.requestVideoFrameCallback(onFrame);
    else video.addEventListener("timeupdate", () => (this.count += 1));
  }

  private sum(): void {
    const { video, count } = this;
    this.count = 0;
    if (video && count > 0) this.seen.value = { width: video.videoWidth, height: video.videoHeight, perSecond: Math.min(60, count) };
    else if (performance.now() - this.lastMs > LOST_MS) this.seen.value = null;
  }
}
