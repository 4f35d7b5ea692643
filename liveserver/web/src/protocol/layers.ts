/** WHEP's layer extension, as this server has it: what a viewer can get, gets, and wants. */
import { ProblemError, readProblem, unreachable } from "./problem";

export interface Layer {
  rid: string;
  /** Height in pixels; null until known. */
  height: number | null;
  bitrate_bps: number;
}

export interface LayersShown {
  /** Lowest first; one without simulcast, none while nothing arrives. */
  layers: Layer[];
  /** Null while no picture is sent. */
  current: string | null;
  /** No picture on purpose: we wished so, or the link is too poor for one. */
  audio_only: boolean;
}

export interface LayerWish {
  rid: string | null;
  max_height: number | null;
  audio_only: boolean;
}

const TIMEOUT_MS = 5_000;

/** The layers of the session at `sessionUrl`. Throws ProblemError. */
export async function readLayers(fetcher: typeof fetch, sessionUrl: string): Promise<LayersShown> {
  const response = await ask(fetcher, sessionUrl, { headers: { Accept: "application/json" } });
  try {
    return (await response.json()) as LayersShown;
  } catch (reason) {
    throw new ProblemError(unreachable(reason));
  }
}

/** Tells the server what we want. Throws ProblemError. */
export async function wishLayer(fetcher: typeof fetch, sessionUrl: string, wish: LayerWish): Promise<void> {
  await ask(fetcher, sessionUrl, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(wish) });
}

async function ask(fetcher: typeof fetch, sessionUrl: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetcher(`${sessionUrl}/layer`, { ...init, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (reason) {
    throw new ProblemError(unreachable(reason));
  }
  if (!response.ok) throw new ProblemError(await readProblem(response, Date.now()));
  return response;
}
