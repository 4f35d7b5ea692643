import { expect, test } from "vitest";
import type { Room } from "../src/protocol/api";
import { judge, judgeRoom, summarise, type Facts } from "../src/studio/checks";
import { readChoices } from "../src/studio/choices";
import { audioConstraints, nameDeviceProblem, videoConstraints } from "../src/studio/devices";
import { chooseEncoder } from "../src/studio/encoder";
import { loudnessOf, peakDb } from "../src/studio/level";
import { gradeDelay, gradeLoss, gradeUplink, warnings, type Measured } from "../src/studio/warnings";

const room = (change: Partial<Room> = {}) => ({ state: "scheduled", host: "off", host_name: null, source: null, ...change }) as Room;
const facts = (change: Partial<Facts> = {}): Facts => ({
  isSecure: true, frames: { width: 720, height: 1280, perSecond: 30 }, hasCamera: true, hasMicrophone: true, isOpening: false, isHeard: true,
  codec: { codec: "VP8", isHardware: false }, hasEncoder: true, serverRttMs: 4, clockOffsetMs: 2, apiProblem: null, token: "ok", room: room(), hostName: "Tang", ...change,
});
const state = (change: Partial<Facts>) => summarise(judge(facts(change))).state;

test("everything in order is ready", () => {
  expect(summarise(judge(facts()))).toEqual({ state: "ready", blocking: 0, advice: 0 });
});

test("a silent microphone and a taken room are advice, not a wall", () => {
  expect(summarise(judge(facts({ isHeard: false, room: room({ state: "live", host: "on", source: "host" }) })))).toEqual({ state: "ready", blocking: 0, advice: 2 });
});

test("what is missing blocks", () => {
  expect(state({ isSecure: false })).toBe("blocked");
  expect(state({ frames: null, hasCamera: false })).toBe("blocked");
  expect(state({ hasMicrophone: false })).toBe("blocked");
  expect(state({ token: "token_expired" })).toBe("blocked");
  expect(state({ room: room({ state: "ended" }) })).toBe("blocked");
  expect(state({ room: null, serverRttMs: null, apiProblem: { code: "unreachable", status: 0, title: "", detail: "", retryAfterS: null } })).toBe("blocked");
});

test("a camera without frames is waited for", () => {
  expect(state({ frames: null })).toBe("running");
  expect(state({ token: "wait" })).toBe("running");
});

test("a room that does not exist will be created", () => {
  const missing = { code: "room_not_found", status: 404, title: "", detail: "", retryAfterS: null };
  expect(state({ room: null, serverRttMs: null, clockOffsetMs: null, apiProblem: missing })).toBe("ready");
});

test("the room is judged by who is in it", () => {
  const of = (change: Partial<Room>) => judgeRoom(facts({ room: room(change) }));
  expect(of({})).toBe("free");
  expect(of({ state: "live", host: "on", source: "demo" })).toBe("demo");
  expect(of({ state: "live", host: "on", source: "host" })).toBe("taken");
  expect(of({ state: "live", host: "away", source: "host", host_name: "Tang" })).toBe("yours");
  expect(of({ state: "live", host: "away", source: "host", host_name: "Other" })).toBe("free");
  expect(of({ state: "ended" })).toBe("ended");
});

const measured = (change: Partial<Measured> = {}): Measured => ({
  isPaused: false, isReconnecting: false, isMuted: false, isCameraOff: false, cameraStopped: false, microphoneStopped: false, silentMs: 0,
  bitrateBps: 2_000_000, maxBitrateBps: 2_500_000, connectedMs: 60_000, limitation: "none", loss: 0, tokenLeftMs: null, ...change,
});
const names = (change: Partial<Measured>) => warnings(measured(change)).map((warning) => warning.name);

test("a good show has no warnings", () => {
  expect(names({})).toEqual([]);
});

test("silence is a warning unless it is wanted", () => {
  expect(names({ silentMs: 12_000 })).toEqual(["silent"]);
  expect(names({ silentMs: 12_000, isMuted: true })).toEqual(["muted"]);
  expect(names({ silentMs: 12_000, isPaused: true })).toEqual([]);
});

test("a weak uplink is warned of once the encoder had time and the network is the reason", () => {
  const weak = { bitrateBps: 300_000, limitation: "bandwidth" };
  expect(names(weak)).toEqual(["uplink"]);
  expect(names({ ...weak, connectedMs: 4_000 })).toEqual([]);
  expect(names({ ...weak, limitation: "none" })).toEqual([]);
});

test("the most urgent comes first and advice comes one at a time", () => {
  expect(names({ cameraStopped: true, isMuted: true, limitation: "cpu", tokenLeftMs: 60_000, loss: 0.1 })).toEqual(["camera_stopped", "loss", "muted"]);
});

test("values are graded in words", () => {
  expect([gradeDelay(640), gradeDelay(1_500), gradeDelay(2_900), gradeDelay(null)]).toEqual(["good", "fair", "high", "none"]);
  expect(gradeUplink(300_000, 2_500_000, "bandwidth")).toBe("poor");
  expect(gradeUplink(300_000, 2_500_000, "none")).toBe("good");
  expect([gradeLoss(0), gradeLoss(0.03), gradeLoss(0.2)]).toEqual(["good", "fair", "high"]);
});

test("H.264 is the default only where the chip encodes it", async () => {
  const answers = (powerEfficient: boolean) => () => Promise.resolve({ supported: true, smooth: true, powerEfficient });
  expect(await chooseEncoder(null, "720p", answers(true))).toEqual({ codec: "H264", isHardware: true });
  expect(await chooseEncoder(null, "720p", answers(false))).toEqual({ codec: "VP8", isHardware: false });
  expect(await chooseEncoder(null, "720p", () => Promise.reject(new TypeError("webrtc")))).toEqual({ codec: "VP8", isHardware: false });
  expect(await chooseEncoder("av1", "720p", null)).toEqual({ codec: "AV1", isHardware: false });
  expect(await chooseEncoder("mp3", "720p", null)).toEqual({ codec: "VP8", isHardware: false });
});

test("stored choices are read whatever is in them", () => {
  for (const stored of [null, 7, "x", [], { quality: "4k", orientation: 3, cameraId: 5 }]) expect(readChoices(stored)).toMatchObject({ quality: "720p", orientation: "portrait", cameraId: null });
  expect(readChoices({ quality: "toString" }).quality).toBe("720p");
  expect(readChoices({ quality: "540p", orientation: "landscape", cleanSound: false, microphoneId: "m" })).toMatchObject({ quality: "540p", orientation: "landscape", cleanSound: false, microphoneId: "m" });
});

test("constraints follow the choices", () => {
  const choices = readChoices({ quality: "720p", cameraId: "c" });
  expect(videoConstraints(choices)).toMatchObject({ deviceId: { exact: "c" }, width: { ideal: 720 }, height: { ideal: 1280 } });
  expect(videoConstraints(choices, true)).toMatchObject({ width: { ideal: 1280 }, height: { ideal: 720 } });
  expect(audioConstraints({ ...choices, cleanSound: false })).toMatchObject({ echoCancellation: false, noiseSuppression: false });
});

test.each([["NotAllowedError", "camera_denied"], ["NotFoundError", "no_camera"], ["NotReadableError", "camera_in_use"], ["SecurityError", "not_secure"], ["TypeError", "device"]])(
  "%s means %s",
  (name, problem) => {
    expect(nameDeviceProblem(new DOMException("", name))).toBe(problem);
  },
);

test("loudness is read from the peak", () => {
  expect(peakDb(new Float32Array([0, -1, 0.5]))).toBe(0);
  expect(peakDb(new Float32Array(4))).toBe(-60);
  expect([loudnessOf(-60), loudnessOf(-40), loudnessOf(-12), loudnessOf(-1)]).toEqual(["none", "low", "good", "high"]);
});
