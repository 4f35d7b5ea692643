/**
 * The server's JSON over HTTP, as far as the pages read it. Names are the server's.
 * Every answer to `room()` also feeds the clock with the server's time.
 */
import { readProblem, ProblemError, unreachable } from "./problem";
import type { ServerClock } from "./clock";

export type RoomState = "scheduled" | "live" | "paused" | "ended";
export type HostPresence = "on" | "away" | "off";

export interface Ingest {
  video_codec: string | null;
  audio_codec: string | null;
  bitrate_bps: number;
  loss: number;
  rtt_ms: number | null;
  frames_per_second: number;
}

export interface Room {
  room: string;
  title: string;
  state: RoomState;
  host: HostPresence;
  host_name: string | null;
  source: "host" | "demo" | null;
  scheduled_at: string | null;
  started_at: string | null;
  ended_at: string | null;
  viewers: number;
  delay_ms: { p50: number; p95: number } | null;
  ingest: Ingest | null;
  uplink_ms: number | null;
  server_time: string;
}

export interface RoomList {
  items: Room[];
  next_cursor: string | null;
}

export interface RoomChange {
  title?: string;
  state?: RoomState;
  scheduled_at?: string | null;
}

export interface ApiSettings {
  fetch: typeof fetch;
  /** Monotonic local clock in ms, the one of `clock`. */
  now: () => number;
  clock: ServerClock;
  /** Where the server is; "" for the page's own origin. */
  origin?: string;
}

/** What a viewer's poll may add: its session and how far behind it is. */
export interface DelayReport {
  session: string;
  delayMs: number;
}

const TIMEOUT_MS = 8_000;

export class Api {
  token: string | null = null;

  constructor(private readonly settings: ApiSettings) {}

  async room(room: string, report?: DelayReport): Promise<Room> {
    const query = report
      ? `?${new URLSearchParams({ session: report.session, delay_ms: String(report.delayMs) })}`
      : "";
    const sentMs = this.settings.now();
    const answer = await this.request<Room>("GET", `/api/v1/rooms/${encodeURIComponent(room)}${query}`);
    this.settings.clock.add(Date.parse(answer.server_time), sentMs, this.settings.now());
    return answer;
  }

  rooms(cursor?: string): Promise<RoomList> {
    const query = cursor ? `?${new URLSearchParams({ cursor })}` : "";
    return this.request<RoomList>("GET", `/api/v1/rooms${query}`);
  }

  changeRoom(room: string, change: RoomChange): Promise<Room> {
    return this.request<Room>("PATCH", `/api/v1/rooms/${encodeURIComponent(room)}`, change);
  }

  /** A token for someone without one; kept for the requests that follow. */
  async becomeGuest(): Promise<string> {
    const { token } = await this.request<{ token: string }>("POST", "/api/v1/tokens/guest", {});
    this.token = token;
    return token;
  }

  /** A fresh token for the one we hold; also the only question that tells whether ours is good. */
  async renewToken(): Promise<string> {
    const { token } = await this.request<{ token: string }>("POST", "/api/v1/tokens/renew", {});
    return token;
  }

  private async request<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (this.token) headers["Authorization"] = `Bearer ${this.token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let response: Response;
    try {
      response = await this.settings.fetch(`${this.settings.origin ?? ""}${path}`, {
        method,
        headers,
        cache: "no-store",
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (reason) {
      throw new ProblemError(unreachable(reason));
    }
    if (!response.ok) throw new ProblemError(await readProblem(response, Date.now()));
    try {
      return (await response.json()) as Answer;
    } catch (reason) {
      throw new ProblemError(unreachable(reason));
    }
  }
}
