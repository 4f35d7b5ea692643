/**
 * Stays subscribed to a room: joins, restarts ICE when media stops coming through, and joins
 * again with jittered backoff when that does not help, for as long as it is wanted. Nobody is
 * ever asked to reload.
 */
import { Backoff } from "./backoff";
import type { Link } from "./link";
import { isTransient, problemOf, type Problem } from "./problem";
import { Recovery, VIEWER } from "./recovery";
import { WhepSession, type MakeConnection } from "./whep";

/**
 * `interrupted`: the session stands but its media does not come through; new paths are tried.
 * `refused`: the server said no for good or for a while; `problem` says why.
 */
export type SubscriberPhase = "idle" | "joining" | "connected" | "interrupted" | "waiting" | "refused";

export interface SubscriberStatus {
  phase: SubscriberPhase;
  problem: Problem | null;
  /** Local ms of the next attempt, while waiting or refused. */
  retryAtMs: number | null;
}

export interface SubscriberSettings {
  make: MakeConnection;
  fetch: typeof fetch;
  endpoint: string;
  random: () => number;
  now: () => number;
  /** A token to show, or null; asked before each join. */
  token: () => string | null;
  /** Gets a guest token when the server wants one; throws ProblemError. */
  becomeGuest: () => Promise<string>;
  onTrack: (track: MediaStreamTrack) => void;
  /** A new connection starts: forget the tracks of the last one. */
  onSession: (session: WhepSession | null) => void;
  onStatus: (status: SubscriberStatus) => void;
}

/** ICE and DTLS together take well under a second; longer means no path. */
const CONNECT_MS = 10_000;
/** What is refused for good may still change with the next host or a freed place. */
const REFUSED_MS = 10_000;

export class Subscriber {
  private wanted = false;
  private joining = false;
  private session: WhepSession | null = null;
  private recovery: Recovery | null = null;
  private link: Link | null = null;
  private generation = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private readonly backoff: Backoff;

  constructor(private readonly settings: SubscriberSettings) {
    this.backoff = new Backoff(settings.random);
  }

  /** Wants the room's media from now on; harmless when already wanted. */
  start(): void {
    if (this.wanted) return;
    this.wanted = true;
    this.backoff.reset();
    void this.join();
  }

  /** Joins at once if it is waiting to: the network or the room came back. */
  wake(): void {
    if (!this.wanted || this.joining || this.session) return;
    this.backoff.reset();
    void this.join();
  }

  /** This device's network is another one, or there again. */
  changeNetwork(): void {
    if (this.recovery) this.recovery.hear("network");
    else this.wake();
  }

  /** What the page sees of the media: nothing comes although the host sends, or it comes again. */
  hearMedia(heard: "stalled" | "flowing"): void {
    this.recovery?.hear(heard);
  }

  /** Drops the present session and joins anew. */
  rejoin(): void {
    if (this.wanted && !this.joining && this.session) this.lose();
  }

  stop(): void {
    if (!this.wanted) return;
    this.wanted = false;
    this.drop();
    this.tell("idle", null, null);
  }

  private async join(mayAskForToken = true): Promise<void> {
    this.clearTimer();
    this.joining = true;
    const generation = ++this.generation;
    const isCurrent = () => this.wanted && generation === this.generation;
    this.tell("joining", null, null);
    try {
      const { make, fetch, endpoint } = this.settings;
      const session = await WhepSession.open(
        make,
        { fetch, endpoint, token: this.settings.token() },
        {
          onTrack: (track) => isCurrent() && this.settings.onTrack(track),
          onLink: (link) => isCurrent() && this.changeLink(link),
        },
      );
      if (!isCurrent()) return session.close();
      this.joining = false;
      this.session = session;
      this.settings.onSession(session);
      if (this.link === null || this.link === "connecting") this.after(CONNECT_MS, () => this.lose());
      if (this.link === "lost") this.lose();
    } catch (thrown) {
      const problem = problemOf(thrown);
      if (!isCurrent()) return;
      this.joining = false;
      await this.refuse(problem, mayAskForToken);
    }
  }

  private async refuse(problem: Problem, mayAskForToken: boolean): Promise<void> {
    if (problem.status === 401 && mayAskForToken) {
      try {
        await this.settings.becomeGuest();
      } catch (thrown) {
        return this.retry(problemOf(thrown), this.backoff.next(REFUSED_MS));
      }
      if (this.wanted) await this.join(false);
      return;
    }
    const askedMs = (problem.retryAfterS ?? 0) * 1000;
    if (isTransient(problem)) return this.retry(problem, this.backoff.next(askedMs), problem.status === 503);
    this.retry(problem, this.backoff.next(Math.max(askedMs, problem.code === "room_not_live" ? 1_000 : REFUSED_MS)), true);
  }

  private changeLink(link: Link): void {
    this.link = link;
    if (link === "connected" && !this.recovery) this.settle();
    else if (link === "lost" && !this.recovery && this.session) this.lose();
    else if (link !== "connecting") this.recovery?.hear(link);
  }

  /** The session is up: from now on trouble is first met by a restart. */
  private settle(): void {
    this.clearTimer();
    this.backoff.reset();
    this.tell("connected", null, null);
    this.recovery = new Recovery(
      {
        random: this.settings.random,
        restart: () => this.session?.restart() ?? Promise.resolve("refused"),
        reopen: () => this.lose(),
        onTrouble: (isTroubled) => this.tell(isTroubled ? "interrupted" : "connected", null, null),
      },
      VIEWER,
    );
  }

  private lose(): void {
    this.drop();
    this.retry(null, this.backoff.next());
  }

  private retry(problem: Problem | null, waitMs: number, refused = false): void {
    if (!this.wanted) return;
    this.tell(refused ? "refused" : "waiting", problem, this.settings.now() + waitMs);
    this.after(waitMs, () => void this.join());
  }

  private drop(): void {
    this.clearTimer();
    this.recovery?.stop();
    this.recovery = null;
    this.generation += 1;
    this.joining = false;
    this.link = null;
    this.session?.close();
    if (this.session) this.settings.onSession(null);
    this.session = null;
  }

  private tell(phase: SubscriberPhase, problem: Problem | null, retryAtMs: number | null): void {
    this.settings.onStatus({ phase, problem, retryAtMs });
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
