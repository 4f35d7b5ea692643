/** The viewer's choice of picture, kept in step with the server: wishes go out, layers come in. */
import { computed, signal } from "@preact/signals";
import { readLayers, wishLayer, type LayersShown, type LayerWish } from "../protocol/layers";
import { problemOf } from "../protocol/problem";
import { recall, remember } from "../ui/storage";
import type { Flow } from "./flow";
import { firstQuality, isOtherSize, isSameWish, linesOf, offeredQualities, wantsLayers, wishOf, type Quality } from "./quality";

/** A turning phone changes its size many times; the last one counts. */
const SETTLED_MS = 600;

export interface Seen {
  flow: Flow;
  /** Height the picture takes up here, in device pixels. */
  shownHeight: number | null;
  /** Height of the picture that is played. */
  playedHeight: number | null;
  /** Somebody looks at the numbers. */
  isLooking: boolean;
}

export class LayerControl {
  readonly quality = signal<Quality>("auto");
  readonly shown = signal<LayersShown | null>(null);
  readonly offered = computed(() => offeredQualities(this.shown.value?.layers ?? []));

  private url: string | null = null;
  private wished: LayerWish | null = null;
  private told: number | null = null;
  private changing: { height: number | null; sinceMs: number } | null = null;
  private playedHeight: number | null = null;
  private readAtMs = 0;
  private isBusy = false;

  constructor(
    private readonly fetcher: typeof fetch,
    savesData: boolean,
  ) {
    this.quality.value = firstQuality(recall("quality"), savesData);
  }

  choose(quality: Quality): void {
    this.quality.value = quality;
    if (quality !== "audio") remember("quality", quality);
    void this.wish();
  }

  /** A new session knows nothing of our wishes. */
  attach(url: string | null): void {
    this.url = url;
    this.wished = null;
    this.shown.value = null;
    this.readAtMs = 0;
  }

  /** Lines ("720") of the layer being sent; null while unknown. */
  currentLines(picture: { width: number; height: number } | null): number | null {
    const shown = this.shown.value;
    const current = shown?.layers.find((layer) => layer.rid === shown.current);
    return linesOf(current?.height ?? picture?.height ?? null, picture);
  }

  async tick(seen: Seen, nowMs: number): Promise<void> {
    if (this.url === null || this.isBusy) return;
    this.isBusy = true;
    try {
      this.followSize(seen.shownHeight, nowMs);
      const sizeChanged = seen.playedHeight !== this.playedHeight;
      const { pictureStoppedMs, soundStoppedMs } = seen.flow;
      const isKnown = (this.shown.value?.layers.length ?? 0) > 0;
      if (wantsLayers({ isLooking: seen.isLooking, isKnown, sizeChanged, pictureStoppedMs, soundStoppedMs, sinceMs: nowMs - this.readAtMs })) {
        this.readAtMs = nowMs;
        this.playedHeight = seen.playedHeight;
        await this.read();
      }
      await this.wish();
    } finally {
      this.isBusy = false;
    }
  }

  private followSize(height: number | null, nowMs: number): void {
    if (!isOtherSize(this.told, height)) this.changing = null;
    else if (this.changing === null || isOtherSize(this.changing.height, height)) this.changing = { height, sinceMs: nowMs };
    else if (this.told === null || nowMs - this.changing.sinceMs >= SETTLED_MS) this.told = height;
  }

  private async read(): Promise<void> {
    const { url } = this;
    if (url === null) return;
    try {
      const shown = await readLayers(this.fetcher, url);
      if (url === this.url) this.shown.value = shown;
    } catch (thrown) {
      problemOf(thrown);
      // The picture goes on without; the next look may do better.
    }
  }

  private async wish(): Promise<void> {
    const { url } = this;
    const wish = wishOf(this.quality.value, this.shown.value?.layers ?? [], this.told);
    const isDefault = wish.rid === null && wish.max_height === null && !wish.audio_only;
    if (url === null || isSameWish(wish, this.wished) || (this.wished === null && isDefault)) return;
    const before = this.wished;
    this.wished = wish;
    try {
      await wishLayer(this.fetcher, url, wish);
      if (url === this.url) await this.read();
    } catch (thrown) {
      problemOf(thrown);
      if (url === this.url) this.wished = before;
    }
  }
}
