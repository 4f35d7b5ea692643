/** The viewer's choice of picture, kept in step with the server: wishes go out, layers come in. */
import { computed, signal } from "@preact/signals";
import { readLayers, wishLayer, type LayersShown } from "../protocol/layers";
import { problemOf } from "../protocol/problem";
import { recall, remember } from "../ui/storage";
import type { Flow } from "./flow";
import { firstQuality, isOtherSize, isSameWish, linesOf, NO_WISH, offeredQualities, wantsLayers, wishOf, type Quality } from "./quality";

/** A turning phone changes its size many times; the last one counts. */
const SETTLED_MS = 600;
/** After a wish that was not taken. */
const AGAIN_MS = 5_000;

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
  private wished = NO_WISH;
  private failedAtMs = -Infinity;
  private told: number | null = null;
  private changing: { height: number | null; sinceMs: number } | null = null;
  private isKnown = false;
  private readAtMs = -Infinity;
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
    this.failedAtMs = -Infinity;
    void this.wish(performance.now());
  }

  /** Another publisher may have other layers. */
  forget(): void {
    this.isKnown = false;
  }

  /** A new session knows nothing of our wishes. */
  attach(url: string | null): void {
    this.url = url;
    this.wished = NO_WISH;
    this.failedAtMs = -Infinity;
    this.shown.value = null;
    this.isKnown = false;
    this.readAtMs = -Infinity;
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
      const { pictureStoppedMs, soundStoppedMs } = seen.flow;
      const sinceMs = nowMs - this.readAtMs;
      if (wantsLayers({ isLooking: seen.isLooking, isNeeded: this.isNeeded(seen), isKnown: this.isKnown, pictureStoppedMs, soundStoppedMs, sinceMs })) {
        this.readAtMs = nowMs;
        await this.read();
      }
      if (nowMs - this.failedAtMs >= AGAIN_MS) await this.wish(nowMs);
    } finally {
      this.isBusy = false;
    }
  }

  private isNeeded({ shownHeight, playedHeight }: Seen): boolean {
    const quality = this.quality.value;
    if (quality !== "auto") return quality !== "saver" && quality !== "audio";
    return shownHeight !== null && playedHeight !== null && shownHeight < playedHeight;
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
      if (url !== this.url) return;
      this.shown.value = shown;
      this.isKnown = shown.layers.length > 0;
    } catch (thrown) {
      problemOf(thrown);
      // The picture goes on without; the next look may do better.
    }
  }

  private async wish(nowMs: number): Promise<void> {
    const { url, wished } = this;
    const wish = wishOf(this.quality.value, this.shown.value?.layers ?? [], this.told);
    if (url === null || isSameWish(wish, wished)) return;
    this.wished = wish;
    try {
      await wishLayer(this.fetcher, url, wish);
      if (url === this.url) await this.read();
    } catch (thrown) {
      problemOf(thrown);
      if (url !== this.url || this.wished !== wish) return;
      this.wished = wished;
      this.failedAtMs = nowMs;
    }
  }
}
