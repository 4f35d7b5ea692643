/**
 * What to do when media stops coming through: restart ICE first, which keeps the session, and
 * open a new session when that does not help. One table for viewers and hosts.
 */
import { Backoff, type BackoffSettings } from "./backoff";
import type { Restart } from "./restart";

/** What is heard: of the link, of the media, of the network, of our own requests, of the clock. */
export type Heard = "connected" | "interrupted" | "lost" | "stalled" | "flowing" | "network" | Restart | "timer";

/**
 * `steady`: nothing to do. `asking`: a restart is under way. `settling`: it was answered and the
 * new paths are tried. `pausing`: it was not answered, wait before asking again.
 */
export type Stage = "steady" | "asking" | "settling" | "pausing";

export interface RecoveryState {
  stage: Stage;
  isLinkDown: boolean;
  isSilent: boolean;
  /** Restarts since all was well: those that were answered, and those that were not. */
  restarts: number;
  unanswered: number;
}

export const WELL: RecoveryState = { stage: "steady", isLinkDown: false, isSilent: false, restarts: 0, unanswered: 0 };

/** While media flows a restart is a precaution, not worth more requests than this. */
const MOST_PRECAUTIONS = 3;

export interface Decision {
  state: RecoveryState;
  act: "restart" | "reopen" | null;
}

export const isWell = (state: RecoveryState) => !state.isLinkDown && !state.isSilent;

/** `mostRestarts`: so many answered restarts without effect, then a new session. */
export function decide(before: RecoveryState, heard: Heard, mostRestarts: number): Decision {
  const state = { ...before };
  if (heard === "connected") state.isLinkDown = false;
  if (heard === "interrupted") state.isLinkDown = true;
  if (heard === "flowing") state.isSilent = false;
  if (heard === "stalled") state.isSilent = true;
  if (heard === "lost") return { state: WELL, act: "reopen" };
  switch (state.stage) {
    case "steady":
      return heard === "network" || !isWell(state) ? ask(state) : stay(state);
    case "asking":
      return hearAnswer(state, heard);
    case "settling":
    case "pausing":
      if (isWell(state) && !isWell(before)) return stay(WELL);
      if (heard === "network") return ask(state);
      if (heard !== "timer") return stay(state);
      if (isWell(state) && state.unanswered >= MOST_PRECAUTIONS) return stay(WELL);
      return state.restarts >= mostRestarts ? { state: WELL, act: "reopen" } : ask(state);
  }
}

const ask = (state: RecoveryState): Decision => ({ state: { ...state, stage: "asking" }, act: "restart" });
const stay = (state: RecoveryState): Decision => ({ state, act: null });

function hearAnswer(state: RecoveryState, heard: Heard): Decision {
  if (heard === "restarted") return stay(isWell(state) ? WELL : { ...state, stage: "settling", restarts: state.restarts + 1 });
  if (heard === "unreachable") return stay({ ...state, stage: "pausing", unanswered: state.unanswered + 1 });
  // A session that plays is kept, restarted or not.
  if (heard === "refused") return isWell(state) ? stay(WELL) : { state: WELL, act: "reopen" };
  return stay(state);
}

export interface RecoverySettings {
  /** So long may new paths take to bring media. */
  settleMs: number;
  mostRestarts: number;
  /** Between restarts that nobody answered. */
  pause: BackoffSettings;
}

const PAUSE: BackoffSettings = { firstMs: 400, capMs: 2_000, factor: 1.6 };
export const VIEWER: RecoverySettings = { settleMs: 3_000, mostRestarts: 2, pause: PAUSE };
/** A host is missed by everyone: the second try is already a new session. */
export const HOST: RecoverySettings = { settleMs: 2_000, mostRestarts: 1, pause: PAUSE };

export interface RecoveryHands {
  random: () => number;
  restart: () => Promise<Restart>;
  reopen: () => void;
  /** Media does not come through, or does again. */
  onTrouble: (isTroubled: boolean) => void;
}

/** Carries out what the table says, for one session. */
export class Recovery {
  private state = WELL;
  private isOver = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly pause: Backoff;

  constructor(
    private readonly hands: RecoveryHands,
    private readonly settings: RecoverySettings,
  ) {
    this.pause = new Backoff(hands.random, settings.pause);
  }

  hear(heard: Heard): void {
    if (this.isOver) return;
    const before = this.state;
    const { state, act } = decide(before, heard, this.settings.mostRestarts);
    this.state = state;
    if (state.stage !== before.stage || act) this.schedule(state.stage);
    if (act === "reopen") {
      this.stop();
      return this.hands.reopen();
    }
    if (isWell(state) !== isWell(before)) this.hands.onTrouble(!isWell(state));
    if (act === "restart") void this.hands.restart().then((answer) => this.hear(answer));
  }

  stop(): void {
    this.isOver = true;
    clearTimeout(this.timer);
  }

  private schedule(stage: Stage): void {
    clearTimeout(this.timer);
    if (stage === "steady") this.pause.reset();
    const waitMs = stage === "settling" ? this.settings.settleMs : stage === "pausing" ? this.pause.next() : null;
    if (waitMs !== null) this.timer = setTimeout(() => this.hear("timer"), waitMs);
  }
}
