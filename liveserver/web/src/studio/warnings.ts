/** What a host on air must know, most urgent first. One pure function of what is measured. */
export type WarningName =
  | "reconnecting"
  | "camera_stopped"
  | "microphone_stopped"
  | "silent"
  | "muted"
  | "uplink"
  | "loss"
  | "cpu"
  | "token";

/** `bad` stops viewers from seeing or hearing; `warn` makes it worse; `info` is advice. */
export interface Warning {
  name: WarningName;
  level: "bad" | "warn" | "info";
}

export interface Measured {
  isPaused: boolean;
  isReconnecting: boolean;
  isMuted: boolean;
  isCameraOff: boolean;
  cameraStopped: boolean;
  microphoneStopped: boolean;
  /** Time without any sound while the microphone is on. */
  silentMs: number;
  bitrateBps: number | null;
  maxBitrateBps: number;
  /** Time since we are connected: the encoder needs some to get going. */
  connectedMs: number;
  limitation: string | null;
  loss: number | null;
  /** Until the token ends; null when it has no end. */
  tokenLeftMs: number | null;
}

const SILENT_MS = 10_000;
const SETTLED_MS = 12_000;
const POOR_SHARE = 0.35;
const POOR_LOSS = 0.05;
const TOKEN_MS = 10 * 60_000;

export function warnings(measured: Measured): Warning[] {
  const found: Warning[] = [];
  const warn = (isTrue: boolean, name: WarningName, level: Warning["level"]) => isTrue && found.push({ name, level });
  warn(measured.isReconnecting, "reconnecting", "bad");
  warn(measured.microphoneStopped, "microphone_stopped", "bad");
  warn(measured.cameraStopped, "camera_stopped", "bad");
  const speaks = !measured.isPaused && !measured.microphoneStopped;
  warn(speaks && !measured.isMuted && measured.silentMs > SILENT_MS, "silent", "bad");
  const isSending = !measured.isPaused && !measured.isReconnecting && measured.connectedMs > SETTLED_MS;
  const isStarved = measured.bitrateBps !== null && measured.bitrateBps < measured.maxBitrateBps * POOR_SHARE;
  warn(isSending && !measured.isCameraOff && isStarved && measured.limitation === "bandwidth", "uplink", "warn");
  warn(isSending && (measured.loss ?? 0) > POOR_LOSS, "loss", "warn");
  warn(speaks && measured.isMuted, "muted", "info");
  warn(isSending && measured.limitation === "cpu", "cpu", "info");
  warn(measured.tokenLeftMs !== null && measured.tokenLeftMs < TOKEN_MS, "token", "info");
  return oneAdvice(found);
}

/** Advice comes one at a time; what is wrong is all shown. */
function oneAdvice(found: Warning[]): Warning[] {
  const advice = found.filter((warning) => warning.level === "info");
  return [...found.filter((warning) => warning.level !== "info"), ...advice.slice(0, 1)];
}

export type Grade = "good" | "fair" | "high" | "poor" | "none";

export function gradeDelay(ms: number | null): Grade {
  if (ms === null) return "none";
  return ms <= 1_000 ? "good" : ms <= 2_000 ? "fair" : "high";
}

export function gradeUplink(bitrateBps: number | null, maxBitrateBps: number, limitation: string | null): Grade {
  if (bitrateBps === null) return "none";
  if (limitation !== "bandwidth") return "good";
  return bitrateBps >= maxBitrateBps * 0.7 ? "good" : bitrateBps >= maxBitrateBps * POOR_SHARE ? "fair" : "poor";
}

export function gradeLoss(loss: number | null): Grade {
  if (loss === null) return "none";
  return loss <= 0.01 ? "good" : loss <= POOR_LOSS ? "fair" : "high";
}
