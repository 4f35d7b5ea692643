/**
 * From a getStats() report (W3C webrtc-stats) to the few numbers the pages show. Rates are
 * taken between two reports; the first report has none.
 */
type Entry = Record<string, unknown> & { id: string; type: string };

/** RTCStatsReport, or anything that walks like one. */
export interface StatsReport {
  forEach(visit: (entry: unknown) => void): void;
}

export interface PlaybackStats {
  width: number | null;
  height: number | null;
  framesPerSecond: number | null;
  bitrateBps: number | null;
  videoCodec: string | null;
  audioCodec: string | null;
  packetsReceived: number;
  packetsLost: number;
  /** Share of packets lost since the last report, 0..1. */
  loss: number | null;
  jitterMs: number | null;
  /** Average time in the jitter buffer since the last report. */
  jitterBufferMs: number | null;
  rttMs: number | null;
  freezes: number;
  freezeS: number;
  framesDecoded: number;
  framesDropped: number;
  framesReceived: number;
  keyFramesDecoded: number;
  audioSamples: number;
  estimatedPlayoutTimestamp: number | null;
  /** "local/remote protocol", e.g. "host/host udp". */
  path: string | null;
}

export interface SendingStats {
  width: number | null;
  height: number | null;
  framesPerSecond: number | null;
  bitrateBps: number | null;
  /** What the congestion controller believes the uplink carries. */
  availableBps: number | null;
  videoCodec: string | null;
  audioCodec: string | null;
  encoder: string | null;
  /** Layers of the picture being sent now; 1 without simulcast. */
  layers: number;
  /** Of the layer that loses most. */
  loss: number | null;
  rttMs: number | null;
  /** "none", "cpu", "bandwidth" or "other". */
  limitation: string | null;
  framesEncoded: number;
  keyFramesEncoded: number;
  keyFrameRequests: number;
  path: string | null;
}

const number = (entry: Entry | undefined, key: string): number | null => {
  const value = entry?.[key];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
};
const word = (entry: Entry | undefined, key: string): string | null => {
  const value = entry?.[key];
  return typeof value === "string" ? value : null;
};
const count = (entry: Entry | undefined, key: string): number => number(entry, key) ?? 0;
const milliseconds = (seconds: number | null): number | null => seconds && Math.round(seconds * 1000);

class Report {
  private readonly entries = new Map<string, Entry>();

  constructor(report: StatsReport) {
    report.forEach((entry) => this.entries.set((entry as Entry).id, entry as Entry));
  }

  find(type: string, kind?: string): Entry | undefined {
    for (const entry of this.entries.values()) {
      if (entry.type === type && (kind === undefined || entry["kind"] === kind)) return entry;
    }
    return undefined;
  }

  /** Every entry of a kind: with simulcast a track is sent as one per layer. */
  all(type: string, kind: string): Entry[] {
    return [...this.entries.values()].filter((entry) => entry.type === type && entry["kind"] === kind);
  }

  follow(entry: Entry | undefined, key: string): Entry | undefined {
    return this.entries.get(word(entry, key) ?? "");
  }

  /** The candidate pair in use: the transport's own choice, else the nominated one that works. */
  pair(): Entry | undefined {
    const chosen = this.follow(this.find("transport"), "selectedCandidatePairId");
    if (chosen) return chosen;
    for (const entry of this.entries.values()) {
      if (entry.type === "candidate-pair" && entry["nominated"] === true && entry["state"] === "succeeded") return entry;
    }
    return undefined;
  }

  codec(entry: Entry | undefined): string | null {
    const mime = word(this.follow(entry, "codecId"), "mimeType");
    return mime && (mime.split("/")[1] ?? null);
  }

  path(): string | null {
    const pair = this.pair();
    const local = this.follow(pair, "localCandidateId");
    const remote = this.follow(pair, "remoteCandidateId");
    if (!local || !remote) return null;
    return `${word(local, "candidateType")}/${word(remote, "candidateType")} ${word(local, "protocol")}`;
  }
}

/** Per-second growth of a counter between two readings. */
class Rate {
  private last: { value: number; atMs: number } | null = null;

  take(value: number, atMs: number): number | null {
    const { last } = this;
    this.last = { value, atMs };
    // A counter that fell belongs to a new connection.
    if (!last || atMs <= last.atMs || value < last.value) return null;
    return ((value - last.value) * 1000) / (atMs - last.atMs);
  }
}

/** Growth of one counter per unit of another between two readings. */
class Quotient {
  private last: { part: number; whole: number } | null = null;

  take(part: number, whole: number): number | null {
    const { last } = this;
    this.last = { part, whole };
    if (!last || whole <= last.whole || part < last.part) return null;
    return (part - last.part) / (whole - last.whole);
  }
}

/** What has come so far, to tell silence from sound and stillness from motion. */
export interface Progress {
  audioPackets: number;
  videoPackets: number;
  frames: number;
}

export function readProgress(report: StatsReport): Progress {
  const all = new Report(report);
  const video = all.find("inbound-rtp", "video");
  return {
    audioPackets: count(all.find("inbound-rtp", "audio"), "packetsReceived"),
    videoPackets: count(video, "packetsReceived"),
    frames: count(video, "framesDecoded"),
  };
}

/** What a line has carried and lost so far, sound and picture together. */
export interface LineCounts {
  received: number;
  lost: number;
  /** Requests to send packets again. */
  nacks: number;
  freezes: number;
  rttMs: number | null;
}

export function readLine(report: StatsReport): LineCounts {
  const all = new Report(report);
  const video = all.find("inbound-rtp", "video");
  const audio = all.find("inbound-rtp", "audio");
  const sum = (key: string) => count(video, key) + count(audio, key);
  return {
    received: sum("packetsReceived"),
    lost: sum("packetsLost"),
    nacks: sum("nackCount"),
    freezes: count(video, "freezeCount"),
    rttMs: milliseconds(number(all.pair(), "currentRoundTripTime")),
  };
}

export class PlaybackMeter {
  private readonly bytes = new Rate();
  private readonly frames = new Rate();
  private readonly lost = new Quotient();
  private readonly buffered = new Quotient();

  read(report: StatsReport, atMs: number): PlaybackStats {
    const all = new Report(report);
    const video = all.find("inbound-rtp", "video");
    const audio = all.find("inbound-rtp", "audio");
    const shown = video ?? audio;
    const packetsLost = count(video, "packetsLost") + count(audio, "packetsLost");
    const packetsReceived = count(video, "packetsReceived") + count(audio, "packetsReceived");
    const bytes = count(video, "bytesReceived") + count(audio, "bytesReceived");
    const bitrate = this.bytes.take(bytes, atMs);
    const measuredFrames = this.frames.take(count(video, "framesDecoded"), atMs);
    return {
      width: number(video, "frameWidth"),
      height: number(video, "frameHeight"),
      framesPerSecond: number(video, "framesPerSecond") ?? measuredFrames,
      bitrateBps: bitrate === null ? null : Math.round(bitrate * 8),
      videoCodec: all.codec(video),
      audioCodec: all.codec(audio),
      packetsReceived,
      packetsLost,
      loss: this.lost.take(packetsLost, packetsLost + packetsReceived),
      jitterMs: milliseconds(number(shown, "jitter")),
      jitterBufferMs: milliseconds(
        this.buffered.take(count(shown, "jitterBufferDelay"), count(shown, "jitterBufferEmittedCount")),
      ),
      rttMs: milliseconds(number(all.pair(), "currentRoundTripTime")),
      freezes: count(video, "freezeCount"),
      freezeS: count(video, "totalFreezesDuration"),
      framesDecoded: count(video, "framesDecoded"),
      framesDropped: count(video, "framesDropped"),
      framesReceived: count(video, "framesReceived"),
      keyFramesDecoded: count(video, "keyFramesDecoded"),
      audioSamples: count(audio, "totalSamplesReceived"),
      estimatedPlayoutTimestamp:
        number(video, "estimatedPlayoutTimestamp") || number(audio, "estimatedPlayoutTimestamp") || null,
      path: all.path(),
    };
  }
}

const isSending = (layer: Entry) => layer["active"] !== false && count(layer, "frameHeight") > 0;

function largest(layers: Entry[]): Entry | undefined {
  const rank = (layer: Entry) => (isSending(layer) ? count(layer, "frameHeight") : 0);
  return layers.reduce<Entry | undefined>((best, layer) => (best && rank(best) >= rank(layer) ? best : layer), undefined);
}

export class SendingMeter {
  private readonly bytes = new Rate();

  read(report: StatsReport, atMs: number): SendingStats {
    const all = new Report(report);
    const layers = all.all("outbound-rtp", "video");
    // Of the layers sent now the largest speaks for all; one without frames is switched off.
    const video = largest(layers);
    const audio = all.find("outbound-rtp", "audio");
    const remotes = all.all("remote-inbound-rtp", "video");
    const remote = remotes[0] ?? all.find("remote-inbound-rtp", "audio");
    const losses = remotes.map((entry) => number(entry, "fractionLost")).filter((loss) => loss !== null);
    const pair = all.pair();
    const sum = (key: string) => layers.reduce((total, layer) => total + count(layer, key), 0);
    const bitrate = this.bytes.take(sum("bytesSent") + count(audio, "bytesSent"), atMs);
    return {
      width: number(video, "frameWidth"),
      height: number(video, "frameHeight"),
      framesPerSecond: number(video, "framesPerSecond"),
      bitrateBps: bitrate === null ? null : Math.round(bitrate * 8),
      availableBps: number(pair, "availableOutgoingBitrate"),
      videoCodec: all.codec(video),
      audioCodec: all.codec(audio),
      encoder: word(video, "encoderImplementation"),
      layers: layers.filter(isSending).length,
      loss: losses.length > 0 ? Math.max(...losses) : number(remote, "fractionLost"),
      rttMs: milliseconds(number(pair, "currentRoundTripTime") ?? number(remote, "roundTripTime")),
      limitation: word(video, "qualityLimitationReason"),
      framesEncoded: count(video, "framesEncoded"),
      keyFramesEncoded: count(video, "keyFramesEncoded"),
      keyFrameRequests: sum("pliCount") + sum("firCount"),
      path: all.path(),
    };
  }
}
