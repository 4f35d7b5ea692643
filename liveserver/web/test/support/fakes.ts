/** A peer connection and a server for tests: they do what the scripts under test look at, no more. */
import type { Link } from "../../src/protocol/link";

export class FakeTransport extends EventTarget {
  state: RTCDtlsTransportState = "new";
  change(state: RTCDtlsTransportState): void {
    this.state = state;
    this.dispatchEvent(new Event("statechange"));
  }
}

export class FakeConnection extends EventTarget {
  connectionState: RTCPeerConnectionState = "new";
  signalingState: RTCSignalingState = "stable";
  localDescription: { sdp: string } | null = null;
  remoteDescription: { sdp: string } | null = null;
  answer: string | null = null;
  restarts = 0;
  isClosed = false;
  readonly transport = new FakeTransport();
  readonly added: { kind: string; init: RTCRtpTransceiverInit | undefined }[] = [];
  readonly replaced: unknown[] = [];

  addTransceiver(what: string | { kind: string }, init?: RTCRtpTransceiverInit) {
    const kind = typeof what === "string" ? what : what.kind;
    this.added.push({ kind, init });
    return this.transceiver(kind);
  }
  private transceiver(kind: string) {
    return {
      receiver: { track: { kind }, transport: this.transport, jitterBufferTarget: null },
      sender: {
        transport: this.transport,
        getParameters: () => ({ encodings: [{}] }),
        setParameters: () => Promise.resolve(),
        replaceTrack: (track: unknown) => Promise.resolve(void this.replaced.push(track)),
      },
    };
  }
  getTransceivers() {
    return this.added.map(({ kind }) => this.transceiver(kind));
  }
  createOffer() {
    return Promise.resolve({ type: "offer", sdp: `v=0 offer\r\nm=video 9\r\na=ice-ufrag:our${this.restarts}\r\na=ice-pwd:ours\r\n` });
  }
  restartIce() {
    this.restarts += 1;
  }
  setLocalDescription(description: { type: string; sdp: string }) {
    this.signalingState = description.type === "rollback" ? "stable" : "have-local-offer";
    if (description.type !== "rollback") this.localDescription = description;
    return Promise.resolve();
  }
  setRemoteDescription(description: { sdp: string }) {
    this.signalingState = "stable";
    this.answer = description.sdp;
    this.remoteDescription = description;
    return Promise.resolve();
  }
  close(): void {
    this.isClosed = true;
  }
  become(state: RTCPeerConnectionState): void {
    this.connectionState = state;
    this.dispatchEvent(new Event("connectionstatechange"));
  }
}

export class FakePeers {
  readonly made: FakeConnection[] = [];
  readonly make = () => {
    const connection = new FakeConnection();
    this.made.push(connection);
    return connection as unknown as RTCPeerConnection;
  };
  get last(): FakeConnection {
    const connection = this.made.at(-1);
    if (!connection) throw new Error("no connection yet");
    return connection;
  }
}

export interface Call {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: unknown;
}

/** Answers each request with the next of `replies`, and with the last one from then on. */
export class FakeServer {
  readonly calls: Call[] = [];
  /** Answer to every PATCH. */
  patched: () => Response = restarted;
  constructor(public replies: (() => Response)[]) {}
  readonly fetch = ((url: string, init: RequestInit = {}) => {
    this.calls.push({ method: init.method ?? "GET", url, headers: (init.headers ?? {}) as Record<string, string>, body: init.body });
    if (init.method === "DELETE") return Promise.resolve(new Response(null, { status: 200 }));
    const isRestart = init.method === "PATCH" && "If-Match" in (init.headers ?? {});
    const reply = isRestart ? this.patched : this.replies.length > 1 ? this.replies.shift() : this.replies[0];
    if (!reply) return Promise.reject(new TypeError("network"));
    try {
      return Promise.resolve(reply());
    } catch (reason) {
      return Promise.reject(reason as Error);
    }
  }) as unknown as typeof fetch;
  posts(): Call[] {
    return this.calls.filter((call) => call.method === "POST");
  }
  patches(): Call[] {
    return this.calls.filter((call) => call.method === "PATCH");
  }
  deletes(): Call[] {
    return this.calls.filter((call) => call.method === "DELETE");
  }
}

export const ANSWER = "v=0 answer\r\nm=video 9\r\na=ice-ufrag:old1\r\na=ice-pwd:oldpassword\r\n";
export const created = (id = "s1") => () => new Response(ANSWER, { status: 201, headers: { Location: `/whep/demo/${id}` } });
/** The server's half of an ICE restart. */
export const restarted = () => new Response("a=ice-lite\r\nm=video 9 X 0\r\na=ice-ufrag:new1\r\na=ice-pwd:newpassword\r\na=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\na=end-of-candidates\r\n", { status: 200 });
export const refused = (status: number, code: string, retryAfter?: number) => () =>
  new Response(JSON.stringify({ status, code, title: code }), {
    status,
    headers: retryAfter === undefined ? {} : { "Retry-After": String(retryAfter) },
  });
export const unreachable = () => {
  throw new TypeError("Failed to fetch");
};

/** Lets every promise that is ready run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 100; turn += 1) await Promise.resolve();
}

export type { Link };
