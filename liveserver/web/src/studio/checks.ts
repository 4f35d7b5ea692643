/** The check before air: from the facts to the lines of the list. Nothing here measures. */
import type { Room } from "../protocol/api";
import type { Problem } from "../protocol/problem";
import type { TokenVerdict } from "../protocol/token";

export type CheckName = "secure" | "camera" | "microphone" | "codec" | "server" | "clock" | "token" | "room";
/** `wait`: not known yet. Only `bad` keeps the host from going live. */
export type Verdict = "ok" | "warn" | "bad" | "wait";

export interface Facts {
  isSecure: boolean;
  /** Frames really seen, with their size; null before the first. */
  frames: { width: number; height: number; perSecond: number } | null;
  hasCamera: boolean;
  hasMicrophone: boolean;
  /** The camera question is still open or frames are still due. */
  isOpening: boolean;
  isHeard: boolean;
  codec: { codec: string; isHardware: boolean } | null;
  hasEncoder: boolean;
  serverRttMs: number | null;
  clockOffsetMs: number | null;
  apiProblem: Problem | null;
  token: TokenVerdict | "wait";
  room: Room | null;
  /** The host's own name, to tell "you" from "another host". */
  hostName: string | null;
}

export type RoomCheck = "free" | "new" | "yours" | "demo" | "taken" | "ended" | "unknown";

export function judgeRoom(facts: Pick<Facts, "room" | "apiProblem" | "hostName">): RoomCheck {
  const { room, apiProblem, hostName } = facts;
  if (apiProblem?.code === "room_not_found") return "new";
  if (!room) return "unknown";
  if (room.state === "ended") return "ended";
  if (room.source === "demo") return "demo";
  if (room.host === "on" && room.source === "host") return "taken";
  const isMine = !room.host_name || room.host_name === hostName;
  return (room.state === "live" || room.state === "paused") && isMine ? "yours" : "free";
}

export function judge(facts: Facts): Record<CheckName, Verdict> {
  const server = facts.serverRttMs !== null;
  const isUnreachable = facts.apiProblem !== null && facts.apiProblem.code !== "room_not_found";
  const answered = server || facts.apiProblem?.code === "room_not_found";
  const room = judgeRoom(facts);
  return {
    secure: facts.isSecure ? "ok" : "bad",
    camera: facts.frames ? "ok" : facts.hasCamera || facts.isOpening ? "wait" : "bad",
    microphone: facts.hasMicrophone ? (facts.isHeard ? "ok" : "warn") : facts.isOpening ? "wait" : "bad",
    codec: facts.hasEncoder ? (facts.codec ? "ok" : "wait") : "bad",
    server: isUnreachable ? "bad" : answered ? "ok" : "wait",
    clock: facts.clockOffsetMs === null ? (answered ? "ok" : "wait") : "ok",
    token: facts.token === "wait" ? "wait" : facts.token === "ok" ? "ok" : "bad",
    room: room === "unknown" ? "wait" : room === "ended" ? "bad" : room === "taken" ? "warn" : "ok",
  };
}

export interface Summary {
  state: "ready" | "blocked" | "running";
  blocking: number;
  advice: number;
}

export function summarise(verdicts: Record<CheckName, Verdict>): Summary {
  const all = Object.values(verdicts);
  const blocking = all.filter((verdict) => verdict === "bad").length;
  const advice = all.filter((verdict) => verdict === "warn").length;
  const isRunning = all.includes("wait");
  return { state: blocking > 0 ? "blocked" : isRunning ? "running" : "ready", blocking, advice };
}
