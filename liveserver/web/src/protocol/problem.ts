/**
 * RFC 9457 problems: what a refused request says, in one shape.
 * `code` is what a page may act on and translate; `title` and `detail` are for logs.
 */
export interface Problem {
  /** Stable snake_case word from the server, or one of our own below. */
  code: string;
  /** HTTP status; 0 when no answer came. */
  status: number;
  title: string;
  detail: string;
  /** Seconds the server asks us to wait; null when it does not say. */
  retryAfterS: number | null;
}

/** No answer at all: no network, a refused connection, a wrong certificate, an abort. */
export const UNREACHABLE = "unreachable";

export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(`${problem.code} (${problem.status}): ${problem.detail || problem.title}`);
    this.name = "ProblemError";
  }
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** Seconds from a Retry-After header: a number or an HTTP date (RFC 9110 section 10.2.3). */
export function retryAfterSeconds(header: string | null, nowMs: number): number | null {
  if (header === null || header.trim() === "") return null;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const date = Date.parse(header);
  return Number.isNaN(date) ? null : Math.max(0, (date - nowMs) / 1000);
}

/** The problem of a refused response; a body that is no problem still gives a code by status. */
export async function readProblem(response: Response, nowMs: number): Promise<Problem> {
  let body: Record<string, unknown> = {};
  try {
    const parsed: unknown = await response.json();
    if (typeof parsed === "object" && parsed !== null) body = parsed as Record<string, unknown>;
  } catch {
    // A proxy's HTML page or an empty body: the status alone must do.
  }
  return {
    code: text(body["code"]) || `http_${response.status}`,
    status: response.status,
    title: text(body["title"]) || response.statusText,
    detail: text(body["detail"]),
    retryAfterS: retryAfterSeconds(response.headers.get("Retry-After"), nowMs),
  };
}

export function unreachable(reason: unknown): Problem {
  const detail = reason instanceof Error ? reason.message : "";
  return { code: UNREACHABLE, status: 0, title: "No answer", detail, retryAfterS: null };
}

/** Whether the same request may succeed later without anyone changing anything. */
export function isTransient(problem: Problem): boolean {
  return problem.status === 0 || problem.status === 429 || problem.status >= 500;
}

/** The problem inside anything thrown; a programming error is thrown on. */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof ProblemError) return thrown.problem;
  throw thrown;
}
