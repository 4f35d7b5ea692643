/** A host's stay in the studio: checks before air, publishing, and the room's state. */
import { computed, effect, signal } from "@preact/signals";
import { Api, type Room, type RoomState } from "../protocol/api";
import { jittered } from "../protocol/backoff";
import { ServerClock } from "../protocol/clock";
import { browserConnection, watchNetwork } from "../protocol/network";
import { problemOf, type Problem } from "../protocol/problem";
import { Publisher, type PublisherPhase } from "../protocol/publisher";
import { SendingMeter, type SendingStats } from "../protocol/stats";
import { judgeHostToken, readClaims, type TokenVerdict } from "../protocol/token";
import type { Address } from "../ui/page";
import { instant } from "../ui/values";
import { Capture } from "./capture";
import { QUALITIES } from "./choices";
import { judgeRoom } from "./checks";
import { askBrowser, chooseEncoder, type EncoderChoice } from "./encoder";
import { clearOnAir, judgeReturn, markOnAir, wasOnAir } from "./returning";

/** `returning`: reloaded while on air, going back by itself. */
export type Step = "setup" | "returning" | "countdown" | "air" | "ended" | "left";

const POLL_MS = 2_000;
const STATS_MS = 1_000;
/** One point a second: the last minute of the uplink. */
const HISTORY = 60;
/** A probe is a few requests; the quickest tells the round trip and the clock. */
const PROBES = 4;
const RENEW_BEFORE_S = 3_600;

export class StudioSession {
  readonly step = signal<Step>("setup");
  readonly room = signal<Room | null>(null);
  readonly apiProblem = signal<Problem | null>(null);
  readonly tokenVerdict = signal<TokenVerdict | "wait">("wait");
  readonly encoder = signal<EncoderChoice | null>(null);
  readonly phase = signal<PublisherPhase>("idle");
  /** What the server answered to publishing or to a change of the room. */
  readonly problem = signal<Problem | null>(null);
  readonly stats = signal<SendingStats | null>(null);
  readonly uplink = signal<number[]>([]);
  readonly peakViewers = signal(0);
  readonly capture = new Capture();
  readonly clock = new ServerClock();
  readonly claims;
  readonly isPaused = computed(() => this.room.value?.state === "paused");

  readonly api: Api;
  readonly publisher: Publisher;
  private meter = new SendingMeter();
  private connectedAtMs = 0;
  private polling: Promise<void> | null = null;

  constructor(readonly address: Address) {
    const fetcher = window.fetch.bind(window);
    this.api = new Api({ fetch: fetcher, now: () => performance.now(), clock: this.clock });
    this.api.token = address.token;
    this.claims = address.token ? readClaims(address.token) : null;
    this.publisher = new Publisher({
      make: (configuration) => new RTCPeerConnection(configuration),
      fetch: fetcher,
      endpoint: `/whip/${encodeURIComponent(address.room)}`,
      random: Math.random,
      token: () => this.api.token,
      stream: () => this.capture.stream,
      send: () => ({
        videoCodec: this.encoder.value?.codec ?? "VP8",
        maxBitrateBps: this.maxBitrateBps,
        maxFramesPerSecond: 30,
      }),
      mayResume: () => this.isOurTurn(),
      onStatus: (phase, problem) => this.changePhase(phase, problem),
    });
    effect(() => {
      const { maxBitrateBps } = this;
      void this.publisher.session?.limitBitrate(maxBitrateBps);
    });
    this.capture.onTrack = (track) => void this.publisher.session?.replaceTrack(track);
  }

  get maxBitrateBps(): number {
    return QUALITIES[this.capture.choices.value.quality].maxBitrateBps;
  }

  /** What all layers together may take; before air, what the picture alone may. */
  get maxUplinkBps(): number {
    return this.publisher.session?.maxBitrateBps ?? this.maxBitrateBps;
  }

  get watchUrl(): string {
    return `${location.origin}/watch/${encodeURIComponent(this.address.room)}`;
  }

  /** The server's time, Unix ms. */
  now(): number {
    return this.clock.at(performance.now()) ?? Date.now();
  }

  get connectedMs(): number {
    return this.connectedAtMs === 0 ? 0 : performance.now() - this.connectedAtMs;
  }

  /** Since the show went live, in ms. */
  get onAirMs(): number {
    const startedMs = instant(this.room.value?.started_at ?? null);
    return startedMs === null ? 0 : Math.max(0, (instant(this.room.value?.ended_at ?? null) ?? this.now()) - startedMs);
  }

  start(): void {
    if (wasOnAir(this.address.room, Date.now())) this.comeBack();
    void this.capture.open();
    void this.check();
    const turn = async () => {
      await this.poll();
      setTimeout(() => void turn(), jittered(POLL_MS, Math.random));
    };
    setTimeout(() => void turn(), POLL_MS);
    setInterval(() => void this.measure(), STATS_MS);
    watchNetwork(window, browserConnection(), () => this.publisher.changeNetwork());
    window.addEventListener("pagehide", () => {
      if (this.step.value === "air") markOnAir(this.address.room, Date.now());
      this.publisher.stop();
    });
    window.addEventListener("beforeunload", (event) => this.step.value === "air" && event.preventDefault());
  }

  /** Goes back on air as soon as devices, token and room are there, or says what is missing. */
  private comeBack(): void {
    clearOnAir();
    this.step.value = "returning";
    const stop = effect(() => {
      const facts = { room: this.room.value, apiProblem: this.apiProblem.value, hostName: this.claims?.name ?? null };
      const next = judgeReturn({
        token: this.tokenVerdict.value,
        room: judgeRoom(facts),
        isOurName: facts.room?.host_name === facts.hostName,
        isOpening: this.capture.isOpening.value || !this.capture.wasOpened.value,
        hasCamera: this.capture.hasCamera.value,
        hasMicrophone: this.capture.hasMicrophone.value,
        hasEncoder: this.encoder.value !== null,
      });
      const isWaiting = this.step.value === "returning";
      if (isWaiting && next === "wait") return;
      queueMicrotask(() => stop());
      if (!isWaiting) return;
      // A reload is no wish to end a pause.
      if (facts.room?.state === "paused") this.capture.setPaused(true);
      if (next === "go") this.goLive();
      else this.step.value = "setup";
    });
  }

  /** Asks everything that needs the server: room, clock, round trip, token; and the encoder. */
  async check(): Promise<void> {
    this.tokenVerdict.value = "wait";
    const { quality } = this.capture.choices.value;
    this.encoder.value = await chooseEncoder(this.address.query.get("codec"), quality, askBrowser);
    for (let probe = 0; probe < PROBES; probe += 1) {
      await this.poll();
      if (this.apiProblem.value) break;
    }
    this.tokenVerdict.value = await this.judgeToken();
  }

  /** First by its own words, then by the server's, which alone counts. */
  private async judgeToken(): Promise<TokenVerdict> {
    const verdict = judgeHostToken(this.api.token, this.address.room, this.now());
    if (verdict !== "ok") return verdict;
    try {
      const fresh = await this.api.renewToken();
      const leftS = (this.claims?.exp ?? Infinity) - this.now() / 1000;
      if (leftS < RENEW_BEFORE_S) this.api.token = fresh;
      return "ok";
    } catch (thrown) {
      const { code, status } = problemOf(thrown);
      if (code === "token_expired" || code === "token_missing") return code;
      return status === 401 ? "token_invalid" : "ok";
    }
  }

  goLive({ takeOver = false } = {}): void {
    this.problem.value = null;
    this.step.value = "air";
    this.peakViewers.value = 0;
    this.publisher.start({ takeOver });
  }

  async pause(paused: boolean): Promise<void> {
    if (paused) this.capture.setPaused(true);
    const done = await this.changeState(paused ? "paused" : "live");
    // Viewers must not see the picture under a slate, nor a black one without it.
    this.capture.setPaused(done ? paused : !paused);
  }

  async end(): Promise<void> {
    if (!(await this.changeState("ended"))) return;
    this.publisher.stop();
    this.step.value = "ended";
  }

  /** Off air, but the show stays: viewers see that the host is coming back. */
  leave(): void {
    this.publisher.stop();
    this.step.value = "left";
  }

  /** An ended room becomes a new show at the same address. */
  async startNewShow(): Promise<void> {
    this.problem.value = null;
    if (await this.changeState("scheduled")) this.backToSetup();
  }

  backToSetup(): void {
    this.problem.value = null;
    this.capture.setPaused(false);
    this.step.value = "setup";
    void this.check();
  }

  private async changeState(state: RoomState): Promise<boolean> {
    try {
      this.hear(await this.api.changeRoom(this.address.room, { state }));
      return true;
    } catch (thrown) {
      this.problem.value = problemOf(thrown);
      return false;
    }
  }

  private changePhase(phase: PublisherPhase, problem: Problem | null): void {
    this.phase.value = phase;
    this.problem.value = problem;
    if (phase === "live" && this.connectedAtMs === 0) {
      this.connectedAtMs = performance.now();
      this.meter = new SendingMeter();
      void this.continueShow();
    }
    if (phase !== "live" && phase !== "interrupted") this.connectedAtMs = 0;
    if (phase === "refused") this.step.value = "setup";
  }

  /** A pause does not survive the host's return by going live; one during a reconnection does. */
  private async continueShow(): Promise<void> {
    await this.poll();
    if (this.room.value?.state === "paused" && !this.capture.isPaused.value) await this.pause(false);
  }

  /** While we were gone somebody else may have gone on air; two hosts must not fight for the room. */
  private async isOurTurn(): Promise<boolean> {
    // A poll already under way may still have seen our own last session.
    await this.polling;
    await this.poll();
    const room = this.room.value;
    return this.apiProblem.value !== null || room?.host !== "on" || room.source !== "host";
  }

  private poll(): Promise<void> {
    this.polling ??= this.ask().finally(() => (this.polling = null));
    return this.polling;
  }

  private async ask(): Promise<void> {
    try {
      this.hear(await this.api.room(this.address.room));
      this.apiProblem.value = null;
    } catch (thrown) {
      this.apiProblem.value = problemOf(thrown);
      if (this.apiProblem.value.status === 404) this.room.value = null;
    }
  }

  private hear(room: Room): void {
    this.room.value = room;
    if (this.step.value !== "air") return;
    this.peakViewers.value = Math.max(this.peakViewers.value, room.viewers);
    // Someone with the right to do so has ended the show.
    if (room.state === "ended" && this.phase.value === "live") {
      this.publisher.stop();
      this.step.value = "ended";
    }
  }

  private async measure(): Promise<void> {
    const connection = this.publisher.session?.connection;
    if (!connection || this.connectedAtMs === 0) {
      this.stats.value = null;
      return;
    }
    const report = await connection.getStats();
    const stats = this.meter.read(report, performance.now());
    this.stats.value = stats;
    this.uplink.value = [...this.uplink.value, stats.bitrateBps ?? 0].slice(-HISTORY);
  }
}
