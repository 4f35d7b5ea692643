/**
 * Keeps one host on air: publishes, restarts ICE when the link breaks, publishes again with the
 * same token when that does not help (the server resumes the show), until told to stop.
 */
import { Backoff } from "./backoff";
import type { Link } from "./link";
import { isTransient, problemOf, type Problem } from "./problem";
import { HOST, Recovery } from "./recovery";
import type { MakeConnection } from "./whep";
import { WhipSession, type SendSettings } from "./whip";

/** `refused`: the server said no, a person must act; `problem` says why. */
export type PublisherPhase = "idle" | "connecting" | "live" | "interrupted" | "reconnecting" | "refused";

export interface PublisherSettings {
  make: MakeConnection;
  fetch: typeof fetch;
  /** WHIP endpoint without a query. */
  endpoint: string;
  random: () => number;
  token: () => string | null;
  stream: () => MediaStream;
  send: () => SendSettings;
  /** Asked before publishing again after a loss: false when another host has the room by now. */
  mayResume: () => Promise<boolean>;
  onStatus: (phase: PublisherPhase, problem: Problem | null) => void;
}

/** Our own word, in the shape of the server's: another host went on air while we were gone. */
const TAKEN_OVER: Problem = { code: "taken_over", status: 409, title: "Taken over", detail: "", retryAfterS: null };

const CONNECT_MS = 10_000;

export class Publisher {
  session: WhipSession | null = null;
  private wanted = false;
  private opening = false;
  private wasLive = false;
  private takeOver = false;
  private link: Link | null = null;
  private generation = 0;
  private recovery: Recovery | null = null;
  /** The last session's end at the server: until then the room looks taken, by ourselves. */
  private ending: Promise<void> = Promise.resolve();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private readonly backoff: Backoff;

  constructor(private readonly settings: PublisherSettings) {
    this.backoff = new Backoff(settings.random);
  }

  /** Goes on air; `takeOver` asks the server to end another host's session. */
  start({ takeOver = false } = {}): void {
    this.wanted = true;
    this.takeOver = takeOver;
    this.wasLive = false;
    this.backoff.reset();
    void this.publish();
  }

  /** Ends our session; the room itself lives on until it is ended. */
  stop(): void {
    this.wanted = false;
    this.drop();
    this.settings.onStatus("idle", null);
  }

  /** Tries at once if it is waiting to: the network came back. */
  wake(): void {
    if (!this.wanted || this.opening || this.session) return;
    this.backoff.reset();
    void this.publish();
  }

  /** This device's network is another one, or there again. */
  changeNetwork(): void {
    if (this.recovery) this.recovery.hear("network");
    else this.wake();
  }

  private async publish(): Promise<void> {
    this.clearTimer();
    this.opening = true;
    const generation = ++this.generation;
    const isCurrent = () => this.wanted && generation === this.generation;
    this.settings.onStatus(this.wasLive ? "reconnecting" : "connecting", null);
    await this.ending;
    if (!isCurrent()) return;
    if (this.wasLive && !(await this.settings.mayResume())) {
      return isCurrent() ? this.refuse(TAKEN_OVER) : undefined;
    }
    if (!isCurrent()) return;
    try {
      const { make, fetch, endpoint, token, stream, send } = this.settings;
      const session = await WhipSession.open(
        make,
        { fetch, endpoint: this.takeOver ? `${endpoint}?takeover=1` : endpoint, token: token() },
        stream(),
        send(),
        (link) => isCurrent() && this.changeLink(link),
      );
      if (!isCurrent()) return void session.close();
      this.opening = false;
      this.session = session;
      if (this.link === "lost") return this.lose();
      if (this.link !== "connected") this.after(CONNECT_MS, () => this.lose());
    } catch (thrown) {
      const problem = problemOf(thrown);
      if (isCurrent()) this.refuse(problem);
    }
  }

  private refuse(problem: Problem): void {
    this.opening = false;
    if (isTransient(problem)) return this.retry(problem, (problem.retryAfterS ?? 0) * 1000);
    this.wanted = false;
    this.drop();
    this.settings.onStatus("refused", problem);
  }

  private changeLink(link: Link): void {
    this.link = link;
    if (link === "connected" && !this.recovery) this.settle();
    else if (link === "lost" && !this.recovery && this.session) this.lose();
    else if (link !== "connecting") this.recovery?.hear(link);
  }

  /** On air: from now on trouble is first met by a restart. */
  private settle(): void {
    this.clearTimer();
    this.backoff.reset();
    this.wasLive = true;
    // Taken once; a later return must not throw out whoever came after us.
    this.takeOver = false;
    this.settings.onStatus("live", null);
    this.recovery = new Recovery(
      {
        random: this.settings.random,
        restart: () => this.session?.restart() ?? Promise.resolve("refused"),
        reopen: () => this.lose(),
        onTrouble: (isTroubled) => this.settings.onStatus(isTroubled ? "interrupted" : "live", null),
      },
      HOST,
    );
  }

  private lose(): void {
    this.drop();
    this.retry(null, 0);
  }

  private retry(problem: Problem | null, atLeastMs: number): void {
    if (!this.wanted) return;
    this.settings.onStatus("reconnecting", problem);
    this.after(this.backoff.next(atLeastMs), () => void this.publish());
  }

  private drop(): void {
    this.clearTimer();
    this.recovery?.stop();
    this.recovery = null;
    this.generation += 1;
    this.opening = false;
    this.link = null;
    if (this.session) this.ending = this.session.close();
    this.session = null;
  }

  private after(waitMs: number, act: () => void): void {
    this.clearTimer();
    this.timer = setTimeout(act, waitMs);
  }

  private clearTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
