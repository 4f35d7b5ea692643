/**
 * One WHIP session (RFC 9725): a send-only peer connection carrying one microphone and one
 * camera. Devices are changed under it by `replaceTrack`; `publisher.ts` keeps it alive.
 */
import { chooseEncodings, layerBitrate, totalBitrate, type Encoding } from "./encodings";
import { watchLink, type Link } from "./link";
import { restartIce, type Restart } from "./restart";
import { endSession, postOffer, sessionId, type SignallingSettings } from "./signalling";
import type { MakeConnection } from "./whep";

export interface SendSettings {
  /** Codec to put first, e.g. "VP8"; unknown to this browser: its own order stays. */
  videoCodec: string;
  maxBitrateBps: number;
  maxFramesPerSecond: number;
}

export class WhipSession {
  url: string | null = null;

  private constructor(
    readonly connection: RTCPeerConnection,
    private readonly signalling: SignallingSettings,
  ) {}

  get id(): string | null {
    return this.url && sessionId(this.url);
  }

  /** Publishes the stream's first audio and video track. Throws ProblemError. */
  static async open(
    make: MakeConnection,
    signalling: SignallingSettings,
    stream: MediaStream,
    send: SendSettings,
    onLink: (link: Link) => void,
  ): Promise<WhipSession> {
    const connection = make({ bundlePolicy: "max-bundle" });
    const session = new WhipSession(connection, signalling);
    try {
      await session.addTracks(stream, send);
      await connection.setLocalDescription(await connection.createOffer());
      const offered = await postOffer(connection.localDescription?.sdp ?? "", signalling);
      session.url = offered.sessionUrl;
      await connection.setRemoteDescription({ type: "answer", sdp: offered.answer });
      if (!offered.answer.includes("a=simulcast:recv")) await session.keepOneLayer(send);
      watchLink(connection, onLink);
      setTimeout(() => session.settle(), RAMP_MS);
      return session;
    } catch (reason) {
      void session.close();
      throw reason;
    }
  }

  private async addTracks(stream: MediaStream, send: SendSettings): Promise<void> {
    const [audio] = stream.getAudioTracks();
    const [video] = stream.getVideoTracks();
    if (audio) this.connection.addTransceiver(audio, { direction: "sendonly", streams: [stream] });
    if (!video) return;
    const { width, height } = video.getSettings();
    const shortSide = width && height ? Math.min(width, height) : null;
    const encodings = chooseEncodings({ ...send, shortSide });
    const transceiver = this.addVideo(video, stream, encodings) ?? this.addVideo(video, stream, chooseEncodings({ ...send, shortSide: null }));
    if (!transceiver) return;
    preferCodec(transceiver, send.videoCodec);
    await prefer(transceiver.sender, "maintain-resolution");
  }

  /** Null when the browser cannot send these encodings. */
  private addVideo(track: MediaStreamTrack, stream: MediaStream, sendEncodings: Encoding[]): RTCRtpTransceiver | null {
    try {
      return this.connection.addTransceiver(track, { direction: "sendonly", streams: [stream], sendEncodings });
    } catch (reason) {
      if (sendEncodings.length > 1) return null;
      throw reason;
    }
  }

  /** A server that took no layers gets the first one alone, which is the smallest: make it whole. */
  private async keepOneLayer(send: SendSettings): Promise<void> {
    const sender = this.sender("video");
    const parameters = sender?.getParameters();
    const [first] = parameters?.encodings ?? [];
    if (!sender || !parameters || !first?.scaleResolutionDownBy) return;
    first.scaleResolutionDownBy = 1;
    first.maxBitrate = send.maxBitrateBps;
    await sender.setParameters(parameters);
  }

  private settle(): void {
    const sender = this.url === null ? undefined : this.sender("video");
    if (sender) void prefer(sender, "balanced");
  }

  private sender(kind: "audio" | "video"): RTCRtpSender | undefined {
    return this.connection.getTransceivers().find((each) => each.receiver.track.kind === kind)?.sender;
  }

  /** Another camera or microphone, without a new offer. False when the kind was never offered. */
  async replaceTrack(track: MediaStreamTrack): Promise<boolean> {
    const sender = this.sender(track.kind as "audio" | "video");
    await sender?.replaceTrack(track);
    return sender !== undefined;
  }

  async limitBitrate(maxBitrateBps: number): Promise<void> {
    const sender = this.sender("video");
    const parameters = sender?.getParameters();
    if (!sender || !parameters?.encodings[0]) return;
    const { encodings } = parameters;
    for (const encoding of encodings) encoding.maxBitrate = encodings.length > 1 ? layerBitrate(encoding.rid, maxBitrateBps) : maxBitrateBps;
    await sender.setParameters(parameters);
  }

  /** What all layers together may take at most; null before the camera is sent. */
  get maxBitrateBps(): number | null {
    const encodings = this.sender("video")?.getParameters().encodings ?? [];
    return encodings.length === 0 ? null : totalBitrate(encodings);
  }

  /** New paths for the same session. */
  restart(): Promise<Restart> {
    return restartIce(this.connection, this.url, this.signalling);
  }

  /** Ends the session at the server and here; resolves when the server has let the room go. */
  close(): Promise<void> {
    const { url } = this;
    this.url = null;
    return endSession(this.connection, url, this.signalling);
  }
}

/** Puts one codec first and keeps the rest, so that the server still has a choice. */
export function orderCodecs(codecs: readonly RTCRtpCodec[], name: string): RTCRtpCodec[] {
  const wanted = (codec: RTCRtpCodec) => codec.mimeType.toLowerCase() === `video/${name.toLowerCase()}`;
  const rank = (codec: RTCRtpCodec) => (wanted(codec) ? h264Rank(codec.sdpFmtpLine ?? "") : 9);
  return codecs
    .map((codec, index) => ({ codec, index, rank: rank(codec) }))
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .map(({ codec }) => codec);
}

/** Constrained baseline with packetization-mode 1 is what every phone decodes: it goes first. */
function h264Rank(fmtp: string): number {
  if (!fmtp.includes("profile-level-id")) return 0;
  if (!fmtp.includes("packetization-mode=1")) return 3;
  if (/profile-level-id=42e0/i.test(fmtp)) return 0;
  return /profile-level-id=4200/i.test(fmtp) ? 1 : 2;
}

function preferCodec(transceiver: RTCRtpTransceiver, name: string): void {
  const codecs = RTCRtpSender.getCapabilities("video")?.codecs;
  if (!codecs || typeof transceiver.setCodecPreferences !== "function") return;
  transceiver.setCodecPreferences(orderCodecs(codecs, name));
}

/**
 * What a short bitrate costs first. The bandwidth estimate begins at 300 kbit/s and is right
 * within two seconds, but libwebrtc shrinks the first frames to fit the beginning and grows
 * back in slow steps: 180x320 for ten seconds, measured. So the start keeps its size and only
 * then, with the true bitrate known, size and smoothness give way together.
 */
const RAMP_MS = 6_000;

async function prefer(sender: RTCRtpSender, preference: "maintain-resolution" | "balanced"): Promise<void> {
  const parameters = sender.getParameters() as RTCRtpSendParameters & { degradationPreference?: string };
  parameters.degradationPreference = preference;
  try {
    await sender.setParameters(parameters);
  } catch {
    // Firefox and Safari do not know the field; their own default is close.
  }
}
