/**
 * One WHEP session: a receive-only peer connection and its address at the server.
 * Knows nothing of rooms, retries or screens; `subscriber.ts` does.
 */
import { watchLink, type Link } from "./link";
import { restartIce, type Restart } from "./restart";
import { endSession, postOffer, sessionId, type SignallingSettings } from "./signalling";

export interface WhepEvents {
  onTrack: (track: MediaStreamTrack) => void;
  onLink: (link: Link) => void;
}

export type MakeConnection = (configuration: RTCConfiguration) => RTCPeerConnection;

export class WhepSession {
  /** The session's address at the server; null until answered. */
  url: string | null = null;

  private constructor(
    readonly connection: RTCPeerConnection,
    private readonly settings: SignallingSettings,
  ) {}

  get id(): string | null {
    return this.url && sessionId(this.url);
  }

  /** Offers, and returns as soon as the answer is in; ICE and DTLS follow. Throws ProblemError. */
  static async open(make: MakeConnection, settings: SignallingSettings, events: WhepEvents): Promise<WhepSession> {
    const connection = make({ bundlePolicy: "max-bundle" });
    const session = new WhepSession(connection, settings);
    try {
      connection.addEventListener("track", (event) => events.onTrack(event.track));
      for (const kind of ["video", "audio"]) {
        setBuffer(connection.addTransceiver(kind, { direction: "recvonly" }).receiver, 0);
      }
      await connection.setLocalDescription(await connection.createOffer());
      const offered = await postOffer(connection.localDescription?.sdp ?? "", settings);
      session.url = offered.sessionUrl;
      await connection.setRemoteDescription({ type: "answer", sdp: offered.answer });
      watchLink(connection, events.onLink);
      return session;
    } catch (reason) {
      session.close();
      throw reason;
    }
  }

  /** New paths for the same session. */
  restart(): Promise<Restart> {
    return restartIce(this.connection, this.url, this.settings);
  }

  /** Asks for at least so much buffering of sound and picture; 0 for the least there can be. */
  buffer(targetMs: number): void {
    for (const receiver of this.connection.getReceivers()) setBuffer(receiver, targetMs);
  }

  /** Ends the session here and at the server. */
  close(): void {
    const { url } = this;
    this.url = null;
    void endSession(this.connection, url, this.settings);
  }
}

/** The browser still keeps what the network's jitter needs. */
function setBuffer(receiver: RTCRtpReceiver, targetMs: number): void {
  if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = targetMs;
  // The name in older Chromium, and in seconds.
  else if ("playoutDelayHint" in receiver) Object.assign(receiver, { playoutDelayHint: targetMs / 1000 });
}
