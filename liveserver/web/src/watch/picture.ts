/**
 * The <video> of the room: which tracks it plays, whether it has a picture, whether it may
 * play at all and with sound. Also keeps a tiny copy of the last picture, for the blurred
 * ground beside a narrow picture and under a slate.
 */
import { signal } from "@preact/signals";

/** Wide enough to be recognised when blurred; drawing it costs nothing. */
const STILL_WIDTH = 48;
/** Below this mean brightness a picture is a switched-off camera, not worth keeping. */
const BLACK = 6;

export class Picture {
  /** Size of the picture as sent, turned upright; null before the first frame. */
  readonly size = signal<{ width: number; height: number } | null>(null);
  readonly hasFrame = signal(false);
  readonly isMuted = signal(true);
  /** The browser refuses to start even without sound: a person must tap. */
  readonly needsTap = signal(false);

  private video: HTMLVideoElement | null = null;
  private still: HTMLCanvasElement | null = null;
  private stream: MediaStream | null = null;

  /** The element in use; null when the page takes it away. */
  attach(video: HTMLVideoElement | null): void {
    this.video = video;
    if (!video) return;
    // The attribute alone does not mute an element made by script.
    video.muted = this.isMuted.value;
    video.addEventListener("resize", () => this.measure());
    video.addEventListener("volumechange", () => (this.isMuted.value = video.muted));
    video.addEventListener("playing", () => (this.needsTap.value = false));
    if (this.stream) this.show(this.stream);
  }

  attachStill(canvas: HTMLCanvasElement | null): void {
    this.still = canvas;
  }

  /** A track of a new session, or a further one of the present session. */
  play(track: MediaStreamTrack): void {
    if (!this.stream) {
      this.stream = new MediaStream();
      this.show(this.stream);
    }
    this.stream.addTrack(track);
    if (this.video?.srcObject === this.stream) void this.start();
  }

  /** The session is gone: what comes next is another stream. */
  reset(): void {
    this.keepStill();
    this.stream = null;
    this.hasFrame.value = false;
  }

  /** After a tap: the browser now allows playing, and sound. */
  async start(): Promise<void> {
    try {
      await this.video?.play();
      this.needsTap.value = false;
    } catch (reason) {
      // AbortError: a newer stream took over; its own play() decides.
      if (reason instanceof DOMException && reason.name === "NotAllowedError") this.needsTap.value = true;
    }
  }

  setMuted(muted: boolean): void {
    if (!this.video) return;
    this.video.muted = muted;
    this.isMuted.value = muted;
    void this.start();
  }

  /** Of the <video> on the page, in CSS pixels. */
  elementSize(): { width: number; height: number } | null {
    return this.video && { width: this.video.clientWidth, height: this.video.clientHeight };
  }

  /** Copies the present picture into the small canvas, unless it is black. */
  keepStill(): void {
    const { video, still } = this;
    if (!video || !still || !this.hasFrame.value || video.videoWidth === 0) return;
    const height = Math.round((STILL_WIDTH * video.videoHeight) / video.videoWidth);
    const scratch = new OffscreenCanvas(STILL_WIDTH, height);
    const brush = scratch.getContext("2d", { willReadFrequently: true });
    if (!brush) return;
    brush.drawImage(video, 0, 0, STILL_WIDTH, height);
    if (meanBrightness(brush.getImageData(0, 0, STILL_WIDTH, height).data) < BLACK) return;
    still.width = STILL_WIDTH;
    still.height = height;
    still.getContext("2d")?.drawImage(scratch, 0, 0);
  }

  private show(stream: MediaStream): void {
    const { video } = this;
    if (!video || this.stream !== stream) return;
    if (document.readyState !== "complete") {
      // A stream still without a picture would hold back the page's load event.
      window.addEventListener("load", () => this.show(stream), { once: true });
      return;
    }
    video.srcObject = stream;
    void this.start();
    this.whenFirstFrame(video, () => {
      if (this.stream !== stream) return;
      this.hasFrame.value = true;
      this.measure();
    });
  }

  private whenFirstFrame(video: HTMLVideoElement, act: () => void): void {
    if (typeof video.requestVideoFrameCallback === "function") video.requestVideoFrameCallback(act);
    else video.addEventListener("loadeddata", act, { once: true });
  }

  private measure(): void {
    const { video } = this;
    if (!video || video.videoWidth === 0) return;
    this.size.value = { width: video.videoWidth, height: video.videoHeight };
  }
}

function meanBrightness(pixels: Uint8ClampedArray): number {
  let sum = 0;
  for (let at = 0; at < pixels.length; at += 4) {
    sum += Math.max(pixels[at] ?? 0, pixels[at + 1] ?? 0, pixels[at + 2] ?? 0);
  }
  return sum / (pixels.length / 4);
}
