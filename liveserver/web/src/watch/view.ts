/** Which of its faces the watch page shows: one pure function of what is known. */
import type { Room } from "../protocol/api";
import type { Problem } from "../protocol/problem";
import type { SubscriberStatus } from "../protocol/subscriber";
import type { Flow, Verdict } from "./flow";

export type View =
  | "loading"
  | "waiting"
  | "live"
  | "paused"
  | "away"
  | "reconnecting"
  | "offline"
  | "unsupported"
  | "ended"
  | "notfound"
  | "forbidden"
  | "full";

export interface Known {
  room: Room | null;
  /** Why the last poll of the room failed; null when it did not. */
  roomProblem: Problem | null;
  failedPolls: number;
  browserOnline: boolean;
  hasWebRtc: boolean;
  /** Media arrives but nothing can be decoded. */
  undecodable: boolean;
  /** This page has shown a picture before, in this session or an earlier one. */
  hasPlayed: boolean;
  subscriber: SubscriberStatus;
  flow: Flow;
  verdict: Verdict;
}

/** A connection that says it is interrupted while frames still come is left alone so long. */
const FROZEN_MS = 1_000;

/** One lost poll is nothing; two in a row are an outage. */
const OUTAGE_POLLS = 2;

export function chooseView(known: Known): View {
  const { room, roomProblem } = known;
  if (roomProblem?.status === 404) return "notfound";
  if (roomProblem?.status === 403 || roomProblem?.status === 401) return "forbidden";
  const isCutOff = !known.browserOnline || known.failedPolls >= OUTAGE_POLLS;
  if (!room) return isCutOff ? "offline" : "loading";
  if (room.state === "ended") return "ended";
  if (room.state === "scheduled") return "waiting";
  const refusal = refusedView(known);
  if (refusal) return refusal;
  if (isCutOff && known.subscriber.phase !== "connected") return "offline";
  if (room.state === "paused") return "paused";
  if (isReconnecting(known)) return "reconnecting";
  return isHostAway(known) ? "away" : "live";
}

/** Our own way to the server is broken; before the first picture it is just a start. */
function isReconnecting({ room, subscriber, flow, hasPlayed }: Known): boolean {
  if (!hasPlayed || room?.host !== "on") return false;
  if (subscriber.phase === "interrupted") return flow.pictureStoppedMs >= FROZEN_MS && flow.soundStoppedMs >= FROZEN_MS;
  return subscriber.phase === "waiting" || subscriber.phase === "joining";
}

/** By what is seen here, which is quicker than the polls, and by what the server says. */
function isHostAway({ room, subscriber, flow, verdict }: Known): boolean {
  const isConnected = subscriber.phase === "connected";
  if (isConnected && flow.hasPlayed && flow.pictureStoppedMs < FROZEN_MS) return false;
  if (room?.host !== "on") return true;
  return isConnected && verdict === "quiet";
}

function refusedView({ subscriber, hasWebRtc, undecodable }: Known): View | null {
  if (!hasWebRtc || undecodable) return "unsupported";
  if (subscriber.phase !== "refused" || !subscriber.problem) return null;
  const { code, status } = subscriber.problem;
  if (code === "room_full" || status === 503) return "full";
  if (code === "unsupported_codec" || status === 406 || status === 422) return "unsupported";
  return status === 401 || status === 403 ? "forbidden" : null;
}

/** The layout a view belongs to. */
export function pageOf(view: View): "room" | "waiting" | "ended" | "stop" {
  if (view === "waiting") return "waiting";
  if (view === "ended") return "ended";
  return view === "notfound" || view === "forbidden" || view === "full" ? "stop" : "room";
}

/** Whether the page should hold a subscription to the room's media. */
export function wantsMedia(room: Room | null): boolean {
  return room !== null && (room.state === "live" || room.state === "paused");
}

/** Milliseconds to the next poll, before jitter. */
export function pollPeriodMs(known: Pick<Known, "room" | "roomProblem" | "failedPolls">, isHidden: boolean): number {
  if (known.failedPolls > 0) return Math.min(8_000, 1_000 * 2 ** known.failedPolls);
  if (known.roomProblem || known.room?.state === "ended") return 8_000;
  return isHidden ? 10_000 : 2_000;
}

/** An upright picture fills an upright room when little is cut off; everything else is shown whole. */
export function fitOf(picture: { width: number; height: number }, room: { width: number; height: number }): "cover" | "contain" {
  if (picture.width <= 0 || picture.height <= 0 || room.height <= 0) return "cover";
  const pictureShape = picture.width / picture.height;
  const roomShape = room.width / room.height;
  if (pictureShape >= 1 || roomShape >= 1) return "contain";
  const kept = Math.min(pictureShape, roomShape) / Math.max(pictureShape, roomShape);
  return kept >= 0.7 ? "cover" : "contain";
}
