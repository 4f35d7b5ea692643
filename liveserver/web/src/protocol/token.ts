/**
 * Reading a token's claims without its secret: only to say early and in plain words what the
 * server will say anyway. Never a decision.
 */
export interface Claims {
  sub?: string;
  name?: string;
  roles?: string[];
  room?: string;
  /** Unix seconds. */
  exp?: number;
}

/** The claims of a JWT (RFC 7519), or null for anything that is not one. */
export function readClaims(token: string): Claims | null {
  const payload = token.split(".")[1];
  if (token.split(".").length !== 3 || !payload) return null;
  try {
    const base64 = payload.replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === "object" && claims !== null ? (claims as Claims) : null;
  } catch {
    return null;
  }
}

export type TokenVerdict = "ok" | "token_missing" | "token_invalid" | "token_expired" | "forbidden";

/** What the claims alone say about hosting `room` at `nowMs` (Unix ms, server's clock if known). */
export function judgeHostToken(token: string | null, room: string, nowMs: number): TokenVerdict {
  if (!token) return "token_missing";
  const claims = readClaims(token);
  if (!claims) return "token_invalid";
  if (claims.exp !== undefined && claims.exp * 1000 <= nowMs) return "token_expired";
  const hosts = (claims.roles ?? []).some((role) => role === "host" || role === "merchant" || role === "admin");
  if (!hosts || (claims.room !== undefined && claims.room !== room)) return "forbidden";
  return "ok";
}
