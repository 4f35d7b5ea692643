/** A viewer's stay in one room: polls the room, holds the subscription, measures the delay. */
import { computed, effect, signal } from "@preact/signals";
import { Api, type Room } from "../protocol/api";
import { jittered } from "../protocol/backoff";
import { ServerClock } from "../protocol/clock";
import { estimateDelay, SteadyDelay } from "../protocol/delay";
import { JitterControl } from "../protocol/jitter";
import { browserConnection, watchNetwork } from "../protocol/network";
import { problemOf, type Problem } from "../protocol/problem";
import { PlaybackMeter, readLine, readProgress, type PlaybackStats } from "../protocol/stats";
import { Subscriber, type SubscriberStatus } from "../protocol/subscriber";
import type { WhepSession } from "../protocol/whep";
import type { Address } from "../ui/page";
import { instant } from "../ui/values";
import { FlowMeter, judgeFlow, mustJump, NO_FLOW, type Flow, type Verdict } from "./flow";
import { LayerControl } from "./layers";
import { Picture } from "./picture";
import { shownHeight, soundOnly } from "./quality";
import { chooseView, fitOf, pollPeriodMs, wantsMedia } from "./view";

const STATS_MS = 1_000;
/** Often enough to notice a silence of two seconds in time; a look costs a millisecond. */
const LOOK_MS = 500;
/** A server that takes longer is out of reach too, long before the request gives up. */
const NO_ANSWER_MS = 1_000;
/** A buffer that is small by then stays small. */
const CATCH_UP_MS = 6_000;
/** So long may the first key frame take; then it is the decoder. */
const UNDECODABLE_MS = 6_000;

export class WatchSession {
  readonly room = signal<Room | null>(null);
  readonly stats = signal<PlaybackStats | null>(null);
  readonly delayMs = signal<number | null>(null);
  /** What the receivers are asked to buffer. */
  readonly bufferTargetMs = signal(0);
  readonly subscriber = signal<SubscriberStatus>({ phase: "idle", problem: null, retryAtMs: null });
  readonly picture = new Picture();
  readonly clock = new ServerClock();
  readonly hasWebRtc = typeof RTCPeerConnection === "function";
  readonly layers: LayerControl;
  /** Somebody looks at the settings or the numbers. */
  readonly isLooking = signal(false);
  readonly soundOnly = computed(() => {
    const ingest = this.room.value?.ingest;
    return soundOnly({
      quality: this.layers.quality.value,
      shown: this.layers.shown.value,
      pictureStoppedMs: this.flow.value.pictureStoppedMs,
      soundStoppedMs: this.flow.value.soundStoppedMs,
      hasPlayed: this.flow.value.hasPlayed,
      hostSends: ingest ? { video: ingest.video_codec !== null, audio: ingest.audio_codec !== null } : null,
    });
  });
  readonly view = computed(() =>
    chooseView({
      room: this.room.value,
      roomProblem: this.roomProblem.value,
      failedPolls: this.failedPolls.value,
      browserOnline: this.browserOnline.value,
      hasWebRtc: this.hasWebRtc,
      undecodable: this.undecodable.value,
      subscriber: this.subscriber.value,
      flow: this.flow.value,
      verdict: this.verdict.value,
      hasPlayed: this.hasPlayed.value,
    }),
  );

  private readonly roomProblem = signal<Problem | null>(null);
  private readonly failedPolls = signal(0);
  readonly browserOnline = signal(navigator.onLine);
  private readonly undecodable = signal(false);
  private readonly flow = signal<Flow>(NO_FLOW);
  private readonly verdict = signal<Verdict>("flowing");
  private readonly hasPlayed = signal(false);
  private readonly api: Api;
  private readonly media: Subscriber;
  private readonly steady = new SteadyDelay();
  private session: WhepSession | null = null;
  private meter = new PlaybackMeter();
  private flowMeter = new FlowMeter(0);
  private readonly jitter = new JitterControl();
  private heardAtMs = -Infinity;
  /** Since when the server owes an answer about a silence. */
  private askedAtMs = Infinity;
  private measuredAtMs = 0;
  /** End of the last outage, and how much was buffered before it. */
  private outage: { endedAtMs: number | null; usualBufferMs: number | null } | null = null;
  private sinceMs = 0;
  private pollTimer: ReturnType<typeof setTimeout> | undefined;
  private polling = false;

  constructor(private readonly address: Address) {
    const fetcher = window.fetch.bind(window);
    this.api = new Api({ fetch: fetcher, now: () => performance.now(), clock: this.clock });
    this.api.token = address.token;
    this.layers = new LayerControl(fetcher, browserConnection()?.saveData === true);
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
      onStatus: (status) => this.changeStatus(status),
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
    setInterval(() => void this.look(), LOOK_MS);
    effect(() => {
      if (this.hasWebRtc && wantsMedia(this.room.value)) this.media.start();
      else if (this.room.value) this.media.stop();
    });
    document.addEventListener("visibilitychange", () => document.hidden || this.wake());
    watchNetwork(window, browserConnection(), () => {
      this.browserOnline.value = true;
      void this.poll();
      this.media.changeNetwork();
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

  private wake(): void {
    this.flowMeter.skip(performance.now());
    this.hurry();
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
    this.heardAtMs = performance.now();
    this.failedPolls.value = 0;
    this.roomProblem.value = null;
    this.room.value = room;
    const returned = room.host === "on" && before?.host !== "on";
    if (returned || before?.source !== room.source) {
      this.layers.forget();
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

  private changeStatus(status: SubscriberStatus): void {
    const { phase } = this.subscriber.value;
    this.subscriber.value = status;
    if (status.phase === "connected" && phase === "joining") this.flowMeter.skip(performance.now());
    if (status.phase === "interrupted") this.outage = { endedAtMs: null, usualBufferMs: this.stats.value?.jitterBufferMs ?? null };
    if (status.phase === "connected" && phase === "interrupted" && this.outage) this.outage.endedAtMs = performance.now();
  }

  private changeSession(session: WhepSession | null): void {
    this.session = session;
    this.meter = new PlaybackMeter();
    this.flowMeter = new FlowMeter(performance.now());
    this.jitter.restart();
    session?.buffer(this.jitter.value);
    this.flow.value = NO_FLOW;
    this.verdict.value = "flowing";
    this.outage = null;
    this.sinceMs = performance.now();
    this.layers.attach(session?.url ?? null);
    if (session) return;
    this.picture.reset();
    this.steady.reset();
    this.stats.value = null;
    this.delayMs.value = null;
  }

  /** Twice a second: does media come through, and what is to be done if not. */
  private async look(): Promise<void> {
    const { session } = this;
    if (!session || document.hidden) return;
    const beforeMs = performance.now();
    const report = await session.connection.getStats();
    if (session !== this.session) return;
    const atMs = (beforeMs + performance.now()) / 2;
    const flow = this.flowMeter.read(readProgress(report), atMs);
    this.flow.value = flow;
    if (flow.hasPlayed) this.hasPlayed.value = true;
    this.adaptBuffer(session, report, atMs);
    if (atMs - this.measuredAtMs >= STATS_MS - LOOK_MS / 4) {
      this.measuredAtMs = atMs;
      this.measure(report, atMs);
    }
    if (this.decide(flow) === "ask") void this.poll().then(() => session === this.session && this.decide(this.flow.value));
    if (session === this.session && this.subscriber.value.phase === "connected") await this.layers.tick(this.seen(flow), atMs);
  }

  private adaptBuffer(session: WhepSession, report: RTCStatsReport, atMs: number): void {
    const targetMs = this.jitter.read(readLine(report), atMs);
    if (targetMs === this.bufferTargetMs.value) return;
    this.bufferTargetMs.value = targetMs;
    session.buffer(targetMs);
  }

  private measure(report: RTCStatsReport, atMs: number): void {
    if (this.view.value === "live" && this.soundOnly.value === null) this.picture.keepStill();
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
    this.judgeDecoder(stats, atMs);
    this.catchUp(stats.jitterBufferMs, atMs);
  }

  private get hostSends(): boolean {
    const room = this.room.value;
    return room?.state === "live" && room.host === "on" && (room.ingest?.bitrate_bps ?? 0) > 0;
  }

  /** Silence is ours only if the host sends; so the server is asked before anything is done. */
  private decide(flow: Flow): Verdict {
    const nowMs = performance.now();
    const isUnreachable = this.failedPolls.value > 0 || nowMs - this.askedAtMs > NO_ANSWER_MS;
    const verdict = judgeFlow(flow, { heardAgoMs: nowMs - this.heardAtMs, isUnreachable, hostSends: this.hostSends });
    const before = this.verdict.value;
    this.verdict.value = verdict;
    if (verdict === "ask" && before !== "ask") this.askedAtMs = nowMs;
    if (verdict === "flowing" || verdict === "quiet") this.askedAtMs = Infinity;
    if (verdict === "stalled") this.media.hearMedia("stalled");
    if (verdict === "flowing" || verdict === "quiet") this.media.hearMedia("flowing");
    // Media is back before the polls know of it.
    if (verdict === "flowing" && before !== "flowing") void this.poll();
    return verdict;
  }

  private seen(flow: Flow) {
    const size = this.picture.size.value;
    const element = this.picture.elementSize();
    const height = element && shownHeight(element, size, size ? fitOf(size, element) : "cover", devicePixelRatio);
    return { flow, shownHeight: height, playedHeight: this.stats.value?.height ?? null, isLooking: this.isLooking.value };
  }

  /** After an outage the page is live again at once, never in slow motion. */
  private catchUp(bufferMs: number | null, atMs: number): void {
    const { outage } = this;
    if (outage?.endedAtMs == null) return;
    const sinceOutageMs = atMs - outage.endedAtMs;
    const usualBufferMs = Math.max(outage.usualBufferMs ?? 0, this.bufferTargetMs.value);
    if (mustJump({ sinceOutageMs, bufferMs, usualBufferMs })) this.media.rejoin();
    else if (sinceOutageMs > CATCH_UP_MS) this.outage = null;
  }

  /** Notices a decoder that cannot. */
  private judgeDecoder(stats: PlaybackStats, atMs: number): void {
    if (this.subscriber.value.phase !== "connected" || !this.hostSends) this.sinceMs = atMs;
    else if (stats.framesDecoded > 0) this.undecodable.value = false;
    else if (stats.framesReceived > 0 && atMs - this.sinceMs > UNDECODABLE_MS) this.undecodable.value = true;
  }
}

/** How long the show has run or ran, in ms; null without a start. */
export function showLength(room: Room, nowMs: number): number | null {
  const startedMs = instant(room.started_at);
  return startedMs === null ? null : Math.max(0, (instant(room.ended_at) ?? nowMs) - startedMs);
}
