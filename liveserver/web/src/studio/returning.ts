/**
 * A studio page that was reloaded while on air comes straight back. The mark lives as long as
 * the tab; another tab or device asks for the room like anyone else.
 */
import type { TokenVerdict } from "../protocol/token";
import type { RoomCheck } from "./checks";

const KEY = "liveserver.on_air";
/** A tab restored much later is a new visit, not a reload. */
const FRESH_MS = 10 * 60_000;

export function markOnAir(room: string, nowMs: number): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ room, nowMs }));
  } catch {
    // Without storage a reload asks for one press, as at first.
  }
}

export function clearOnAir(): void {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // Nothing was kept either.
  }
}

export function wasOnAir(room: string, nowMs: number): boolean {
  try {
    return readMark(sessionStorage.getItem(KEY), room, nowMs);
  } catch {
    return false;
  }
}

export function readMark(stored: string | null, room: string, nowMs: number): boolean {
  try {
    const mark = JSON.parse(stored ?? "null") as { room?: unknown; nowMs?: unknown } | null;
    return mark?.room === room && typeof mark.nowMs === "number" && nowMs - mark.nowMs < FRESH_MS;
  } catch {
    return false;
  }
}

export interface ReturnFacts {
  token: TokenVerdict | "wait";
  room: RoomCheck;
  /** The host on air now bears our own name: our last session, which the server has not missed yet. */
  isOurName: boolean;
  isOpening: boolean;
  hasCamera: boolean;
  hasMicrophone: boolean;
  hasEncoder: boolean;
}

/** `ask`: something needs a person; the page before air says what, with one button to go on. */
export function judgeReturn(facts: ReturnFacts): "wait" | "go" | "ask" {
  const { token, room } = facts;
  if (token !== "wait" && token !== "ok") return "ask";
  if (room === "ended" || (room === "taken" && !facts.isOurName)) return "ask";
  if (!facts.isOpening && !(facts.hasCamera && facts.hasMicrophone)) return "ask";
  return token === "ok" && room !== "unknown" && !facts.isOpening && facts.hasEncoder ? "go" : "wait";
}
