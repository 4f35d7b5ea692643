/**
 * The HTTP half that WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep-03) share: an offer goes
 * out by POST, the answer and the session's address come back, DELETE ends it.
 * The server is ICE-lite with its candidates in the answer, so there is nothing to trickle
 * and no reason to wait for our own candidates.
 */
import { FRAGMENT_TYPE } from "./fragment";
import { isEndedByPeer } from "./link";
import { ProblemError, readProblem, unreachable } from "./problem";

export interface SignallingSettings {
  fetch: typeof fetch;
  endpoint: string;
  token: string | null;
}

export interface AnsweredOffer {
  answer: string;
  /** Absolute address of the session; null when the server named none. */
  sessionUrl: string | null;
}

const TIMEOUT_MS = 10_000;

export async function postOffer(offer: string, settings: SignallingSettings): Promise<AnsweredOffer> {
  let response: Response;
  try {
    response = await settings.fetch(settings.endpoint, {
      method: "POST",
      headers: { ...authorization(settings.token), "Content-Type": "application/sdp", Accept: "application/sdp" },
      body: offer,
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (reason) {
    throw new ProblemError(unreachable(reason));
  }
  if (response.status !== 201) throw new ProblemError(await readProblem(response, Date.now()));
  const location = response.headers.get("Location");
  // Relative to the endpoint as finally reached: a 307 may have led to another machine.
  const base = response.url || settings.endpoint;
  let answer: string;
  try {
    answer = await response.text();
  } catch (reason) {
    throw new ProblemError(unreachable(reason));
  }
  return {
    answer,
    sessionUrl: location === null ? null : new URL(location, new URL(base, "http://localhost/")).href,
  };
}

/** A restart is asked for while the network is in doubt: better a second request than a long wait. */
const PATCH_TIMEOUT_MS = 2_500;

/** Asks for an ICE restart with our fragment; the server's comes back. Throws ProblemError. */
export async function patchFragment(sessionUrl: string, fragment: string, settings: Omit<SignallingSettings, "endpoint">): Promise<string> {
  try {
    const response = await settings.fetch(sessionUrl, {
      method: "PATCH",
      headers: { ...authorization(settings.token), "Content-Type": FRAGMENT_TYPE, "If-Match": "*" },
      body: fragment,
      cache: "no-store",
      signal: AbortSignal.timeout(PATCH_TIMEOUT_MS),
    });
    if (response.status !== 200) throw new ProblemError(await readProblem(response, Date.now()));
    return await response.text();
  } catch (reason) {
    throw reason instanceof ProblemError ? reason : new ProblemError(unreachable(reason));
  }
}

/** Ends a session; `keepalive` lets the request outlive the page. A lost one times out at the server. */
async function deleteSession(sessionUrl: string, settings: Omit<SignallingSettings, "endpoint">): Promise<void> {
  try {
    await settings.fetch(sessionUrl, { method: "DELETE", headers: authorization(settings.token), keepalive: true });
  } catch {
    // Nobody to tell: the page is going, or the network has gone.
  }
}

/** A lost DELETE must not keep a connection open. */
const GOODBYE_MS = 1_000;

/**
 * Ends a session at the server, then here: the other way round the connection's own goodbye
 * is quicker than the request, which then finds nothing to delete.
 * Resolves when that is done, or has taken too long.
 */
export async function endSession(connection: RTCPeerConnection, sessionUrl: string | null, settings: Omit<SignallingSettings, "endpoint">): Promise<void> {
  if (sessionUrl !== null && !isEndedByPeer(connection)) {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, GOODBYE_MS)));
    await Promise.race([late, deleteSession(sessionUrl, settings)]);
    clearTimeout(timer);
  }
  connection.close();
}

function authorization(token: string | null): Record<string, string> {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** The last part of a session's address, the id used in statistics and polls. */
export function sessionId(sessionUrl: string): string {
  return new URL(sessionUrl).pathname.split("/").pop() ?? "";
}
