/** Whether media comes through: times since the last frame and the last packet, and what follows from them. */
import type { Progress } from "../protocol/stats";

export interface Flow {
  /** Since anything at all came. */
  silentMs: number;
  pictureStoppedMs: number;
  soundStoppedMs: number;
  /** Frames have been seen in this session. */
  hasPlayed: boolean;
}

export const NO_FLOW: Flow = { silentMs: 0, pictureStoppedMs: 0, soundStoppedMs: 0, hasPlayed: false };

export class FlowMeter {
  private last: Progress = { audioPackets: 0, videoPackets: 0, frames: 0 };
  private at = { any: 0, picture: 0, sound: 0 };

  constructor(startMs: number) {
    this.at = { any: startMs, picture: startMs, sound: startMs };
  }

  read(progress: Progress, nowMs: number): Flow {
    const { last, at } = this;
    if (progress.frames !== last.frames) at.picture = nowMs;
    if (progress.audioPackets !== last.audioPackets) at.sound = nowMs;
    if (progress.audioPackets !== last.audioPackets || progress.videoPackets !== last.videoPackets) at.any = nowMs;
    this.last = progress;
    return {
      silentMs: nowMs - at.any,
      pictureStoppedMs: nowMs - at.picture,
      soundStoppedMs: nowMs - at.sound,
      hasPlayed: progress.frames > 0,
    };
  }

  /** Nobody looked for a while, e.g. the page slept: what is not known is not held against anyone. */
  skip(nowMs: number): void {
    this.at = { any: nowMs, picture: nowMs, sound: nowMs };
  }
}

/** `quiet`: nothing comes and nothing should. `ask`: first hear from the server whether the host sends. */
export type Verdict = "flowing" | "ask" | "stalled" | "quiet";

/** The server itself calls a host away after as long: an answer from earlier tells nothing. */
const SILENT_MS = 2_000;

/** `heardAgoMs`: since the server last answered; `hostSends`: what it said then. */
export function judgeFlow(flow: Pick<Flow, "silentMs">, server: { heardAgoMs: number; isUnreachable: boolean; hostSends: boolean }): Verdict {
  if (flow.silentMs < SILENT_MS) return "flowing";
  const hasNews = server.heardAgoMs <= flow.silentMs - SILENT_MS;
  if (hasNews) return server.hostSends ? "stalled" : "quiet";
  return server.isUnreachable ? "stalled" : "ask";
}

export interface Catching {
  /** Since media came again after an outage; null without one. */
  sinceOutageMs: number | null;
  bufferMs: number | null;
  /** As it was before the outage. */
  usualBufferMs: number | null;
}

const PATIENCE_MS = 2_500;
const FAR_BEHIND_MS = 600;

/**
 * After an outage the buffer may be left full; browsers then play a little faster until it is
 * empty. Up to half a second nobody minds; from further behind a new session is live at once.
 */
export function mustJump({ sinceOutageMs, bufferMs, usualBufferMs }: Catching): boolean {
  if (sinceOutageMs === null || sinceOutageMs < PATIENCE_MS || bufferMs === null) return false;
  return bufferMs > (usualBufferMs ?? 0) + FAR_BEHIND_MS;
}
