/** A viewer's stay in one room: polls the room, holds the subscription, measures the delay. */
import { computed, effect, signal } from "@preact/signals";
import { Api, type Room } from "../protocol/api";
import { jittered } from "../protocol/backoff";
import { ServerClock } from "../protocol/clock";
import { estimateDelay, SteadyDelay } from "../protocol/delay";
import { problemOf, type Problem } from "../protocol/problem";
import { PlaybackMeter, type PlaybackStats } from "../protocol/stats";
import { Subscriber, type SubscriberStatus } from "../protocol/subscriber";
import type { WhepSession } from "../protocol/whep";
import type { Address } from "../ui/page";
import { instant } from "../ui/values";
import { Picture } from "./picture";
import { chooseView, pollPeriodMs, wantsMedia } from "./view";

const STATS_MS = 1_000;
/** A connected session that brings nothing while the host sends: something between is stuck. */
const STALLED_MS = 8_000;
/** So long may the first key frame take; then it is the decoder. */
const UNDECODABLE_MS = 6_000;

export class WatchSession {
  readonly room = signal<Room | null>(null);
  readonly stats = signal<PlaybackStats | null>(null);
  readonly delayMs = signal<number | null>(null);
  readonly subscriber = signal<SubscriberStatus>({ phase: "idle", problem: null, retryAtMs: null });
  readonly picture = new Picture();
  readonly clock = new ServerClock();
  readonly hasWebRtc = typeof RTCPeerConnection === "function";
  readonly view = computed(() =>
    chooseView({
      room: this.room.value,
      roomProblem: this.roomProblem.value,
      failedPolls: this.failedPolls.value,
      browserOnline: this.browserOnline.value,
      hasWebRtc: this.hasWebRtc,
      undecodable: this.undecodable.value,
      subscriber: this.subscriber.value,
    }),
  );

  private readonly roomProblem = signal<Problem | null>(null);
  private readonly failedPolls = signal(0);
  readonly browserOnline = signal(navigator.onLine);
  private readonly undecodable = signal(false);
  private readonly api: Api;
  private readonly media: Subscriber;
  private readonly steady = new SteadyDelay();
  private session: WhepSession | null = null;
  private meter = new PlaybackMeter();
  private progress = { packets: -1, atMs: 0 };
  private sinceMs = 0;
  private pollTimer: ReturnType<typeof setTimeout> | undefined;
  private polling = false;

  constructor(private readonly address: Address) {
    const fetcher = window.fetch.bind(window);
    this.api = new Api({ fetch: fetcher, now: () => performance.now(), clock: this.clock });
    this.api.token = address.token;
    this.media = new Subscriber({
      make: (configuration) => new RTCPeerConnection(configuration),
      fetch: fetcher,
      endpoint: `/whep/${encodeURIComponent(address.room)}`,
      random: Math.random,
      now: () => performance.now(),
      token: () => this.api.token,
      becomeGuest: () => this.api.becomeGuest(),
      onTrack: (track) => this.picture.play(track),
      onSession: (session) => this.changeSession(session),
      onStatus: (status) => (this.subscriber.value = status),
    });
  }

  get connection(): RTCPeerConnection | null {
    return this.session?.connection ?? null;
  }

  get sessionId(): string | null {
    return this.session?.id ?? null;
  }

  /** The server's time, or ours until it is known; Unix ms. */
  now(): number {
    return this.clock.at(performance.now()) ?? Date.now();
  }

  start(): void {
    void this.poll();
    setInterval(() => void this.measure(), STATS_MS);
    effect(() => {
      if (this.hasWebRtc && wantsMedia(this.room.value)) this.media.start();
      else if (this.room.value) this.media.stop();
    });
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
    window.addEventListener("online", () => {
      this.browserOnline.value = true;
      this.hurry();
    });
    window.addEventListener("offline", () => (this.browserOnline.value = false));
    window.addEventListener("pagehide", () => this.media.stop());
    // Back from the browser's page cache: everything above was stopped.
    window.addEventListener("pageshow", (event) => event.persisted && this.comeBack());
  }

  /** Looks and joins at once instead of at the next turn. */
  hurry(): void {
    void this.poll();
    this.media.wake();
  }

  private comeBack(): void {
    if (wantsMedia(this.room.value)) this.media.start();
    void this.poll();
  }

  private async poll(): Promise<void> {
    if (this.polling) return;
    this.polling = true;
    clearTimeout(this.pollTimer);
    try {
      this.hear(await this.api.room(this.address.room, this.report()));
    } catch (thrown) {
      this.miss(problemOf(thrown));
    }
    this.polling = false;
    const known = { room: this.room.value, roomProblem: this.roomProblem.value, failedPolls: this.failedPolls.value };
    this.pollTimer = setTimeout(() => void this.poll(), jittered(pollPeriodMs(known, document.hidden), Math.random));
  }

  private report() {
    const id = this.subscriber.value.phase === "connected" ? this.sessionId : null;
    const delayMs = this.delayMs.value;
    return id !== null && delayMs !== null ? { session: id, delayMs } : undefined;
  }

  private hear(room: Room): void {
    const before = this.room.value;
    this.failedPolls.value = 0;
    this.roomProblem.value = null;
    this.room.value = room;
    const returned = room.host === "on" && before?.host !== "on";
    if (returned || before?.source !== room.source) {
      this.undecodable.value = false;
      this.media.wake();
    }
  }

  private miss(problem: Problem): void {
    if (problem.status >= 400 && problem.status < 500 && problem.status !== 429) {
      this.roomProblem.value = problem;
      this.room.value = null;
      this.media.stop();
    } else {
      this.failedPolls.value += 1;
    }
  }

  private changeSession(session: WhepSession | null): void {
    this.session = session;
    this.meter = new PlaybackMeter();
    this.progress = { packets: -1, atMs: performance.now() };
    this.sinceMs = performance.now();
    if (session) return;
    this.picture.reset();
    this.steady.reset();
    this.stats.value = null;
    this.delayMs.value = null;
  }

  private async measure(): Promise<void> {
    const { session } = this;
    if (!session || document.hidden) return;
    if (this.view.value === "live") this.picture.keepStill();
    const beforeMs = performance.now();
    const report = await session.connection.getStats();
    if (session !== this.session) return;
    const atMs = (beforeMs + performance.now()) / 2;
    const stats = this.meter.read(report, atMs);
    this.stats.value = stats;
    this.delayMs.value = this.steady.add(
      estimateDelay({
        serverNowMs: this.clock.at(atMs),
        estimatedPlayoutTimestamp: stats.estimatedPlayoutTimestamp,
        uplinkMs: this.room.value?.uplink_ms ?? null,
        rttMs: stats.rttMs,
        jitterBufferMs: stats.jitterBufferMs,
      }),
    );
    this.judge(stats, atMs);
  }

  /** Notices a stuck session and a decoder that cannot. */
  private judge(stats: PlaybackStats, atMs: number): void {
    const { room } = this;
    if (stats.packetsReceived !== this.progress.packets) this.progress = { packets: stats.packetsReceived, atMs };
    const hostSends = room.value?.state === "live" && room.value.host === "on" && (room.value.ingest?.bitrate_bps ?? 0) > 0;
    if (this.subscriber.value.phase !== "connected" || !hostSends) {
      this.progress.atMs = atMs;
      this.sinceMs = atMs;
      return;
    }
    if (atMs - this.progress.atMs > STALLED_MS) this.media.rejoin();
    if (stats.framesDecoded > 0) this.undecodable.value = false;
    else if (stats.framesReceived > 0 && atMs - this.sinceMs > UNDECODABLE_MS) this.undecodable.value = true;
  }
}

/** How long the show has run or ran, in ms; null without a start. */
export function showLength(room: Room, nowMs: number): number | null {
  const startedMs = instant(room.started_at);
  return startedMs === null ? null : Math.max(0, (instant(room.ended_at) ?? nowMs) - startedMs);
}
