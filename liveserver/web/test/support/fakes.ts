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
  localDescription: { sdp: string } | null = null;
  answer: string | null = null;
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
    return Promise.resolve({ type: "offer", sdp: "v=0 offer" });
  }
  setLocalDescription(description: { sdp: string }) {
    this.localDescription = description;
    return Promise.resolve();
  }
  setRemoteDescription(description: { sdp: string }) {
    this.answer = description.sdp;
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
  constructor(public replies: (() => Response)[]) {}
  readonly fetch = ((url: string, init: RequestInit = {}) => {
    this.calls.push({ method: init.method ?? "GET", url, headers: (init.headers ?? {}) as Record<string, string>, body: init.body });
    if (init.method === "DELETE") return Promise.resolve(new Response(null, { status: 200 }));
    const reply = this.replies.length > 1 ? this.replies.shift() : this.replies[0];
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
  deletes(): Call[] {
    return this.calls.filter((call) => call.method === "DELETE");
  }
}

export const created = (id = "s1") => () => new Response("v=0 answer", { status: 201, headers: { Location: `/whep/demo/${id}` } });
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
