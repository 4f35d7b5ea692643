/** ICE restart by PATCH (RFC 9725 section 4.3.3): new paths for a session that keeps everything else. */
import { mergeFragment, writeFragment } from "./fragment";
import { isTransient, problemOf } from "./problem";
import { patchFragment, type SignallingSettings } from "./signalling";

/** `refused`: this session cannot be restarted, a new one is due; `unreachable`: later, perhaps. */
export type Restart = "restarted" | "refused" | "unreachable";

/** A refused or unanswered restart leaves the connection as it was. */
export async function restartIce(connection: RTCPeerConnection, sessionUrl: string | null, settings: Omit<SignallingSettings, "endpoint">): Promise<Restart> {
  const answer = connection.remoteDescription?.sdp;
  if (sessionUrl === null || !answer || connection.signalingState !== "stable") return "refused";
  try {
    connection.restartIce();
    await connection.setLocalDescription(await connection.createOffer());
    const fragment = await patchFragment(sessionUrl, writeFragment(connection.localDescription?.sdp ?? ""), settings);
    const restarted = mergeFragment(answer, fragment);
    if (restarted === null) throw new RangeError("no credentials in the server's fragment");
    await connection.setRemoteDescription({ type: "answer", sdp: restarted });
    return "restarted";
  } catch (thrown) {
    await rollBack(connection);
    // Anything but a refused request: the connection was closed meanwhile, or cannot do this.
    if (!(thrown instanceof Error) || thrown.name !== "ProblemError") return "refused";
    return isTransient(problemOf(thrown)) ? "unreachable" : "refused";
  }
}

async function rollBack(connection: RTCPeerConnection): Promise<void> {
  if (connection.signalingState !== "have-local-offer") return;
  try {
    await connection.setLocalDescription({ type: "rollback" });
  } catch {
    // Closed in the same instant.
  }
}
