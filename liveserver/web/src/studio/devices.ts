/** Cameras and microphones: opening, listing, changing, and plain names for what goes wrong. */
import { QUALITIES, type Choices } from "./choices";

export type DeviceProblem = "camera_denied" | "no_camera" | "camera_in_use" | "not_secure" | "device" | "no_webrtc";

/** The problem behind a refused getUserMedia (names: W3C mediacapture-streams). */
export function nameDeviceProblem(error: unknown): DeviceProblem {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  switch (name) {
    case "NotAllowedError":
    case "PermissionDeniedError":
      return "camera_denied";
    case "NotFoundError":
    case "DevicesNotFoundError":
      return "no_camera";
    case "NotReadableError":
    case "TrackStartError":
    case "AbortError":
      return "camera_in_use";
    case "SecurityError":
      return "not_secure";
    default:
      return "device";
  }
}

/** What this page can never do here, whatever the devices; null when nothing is missing. */
export function missingAbility(): DeviceProblem | null {
  if (!window.isSecureContext) return "not_secure";
  if (typeof RTCPeerConnection !== "function" || !navigator.mediaDevices) return "no_webrtc";
  return null;
}

export function videoConstraints(choices: Choices, swapped = false): MediaTrackConstraints {
  const { short, long } = QUALITIES[choices.quality];
  const isUpright = (choices.orientation === "portrait") !== swapped;
  return {
    ...(choices.cameraId ? { deviceId: { exact: choices.cameraId } } : { facingMode: "user" }),
    width: { ideal: isUpright ? short : long },
    height: { ideal: isUpright ? long : short },
    aspectRatio: { ideal: isUpright ? 9 / 16 : 16 / 9 },
    frameRate: { ideal: 30, max: 30 },
  };
}

export function audioConstraints(choices: Choices): MediaTrackConstraints {
  return {
    ...(choices.microphoneId && { deviceId: { exact: choices.microphoneId } }),
    echoCancellation: choices.cleanSound,
    noiseSuppression: choices.cleanSound,
    autoGainControl: choices.cleanSound,
  };
}

const media = () => navigator.mediaDevices;
const isGone = (error: unknown) => error instanceof Error && ["OverconstrainedError", "NotFoundError"].includes(error.name);

/** A camera as chosen; the remembered one may be unplugged, then any other. */
export async function openCamera(choices: Choices): Promise<MediaStreamTrack> {
  const track = await openTrack({ video: videoConstraints(choices) }, { video: videoConstraints({ ...choices, cameraId: null }) });
  track.contentHint = "motion";
  await turnUpright(track, choices);
  return track;
}

export async function openMicrophone(choices: Choices): Promise<MediaStreamTrack> {
  const track = await openTrack({ audio: audioConstraints(choices) }, { audio: audioConstraints({ ...choices, microphoneId: null }) });
  track.contentHint = "speech";
  return track;
}

async function openTrack(wish: MediaStreamConstraints, fallback: MediaStreamConstraints): Promise<MediaStreamTrack> {
  let stream: MediaStream;
  try {
    stream = await media().getUserMedia(wish);
  } catch (error) {
    if (!isGone(error)) throw error;
    stream = await media().getUserMedia(fallback);
  }
  const [track] = stream.getTracks();
  if (!track) throw new DOMException("no track", "NotFoundError");
  return track;
}

/** Some phones count width along the device, not the picture: ask again the other way round. */
async function turnUpright(track: MediaStreamTrack, choices: Choices): Promise<void> {
  const { width, height } = track.getSettings();
  if (!width || !height || width === height) return;
  const isUpright = height > width;
  if (isUpright === (choices.orientation === "portrait")) return;
  if (!matchMedia("(pointer: coarse)").matches) return;
  try {
    await track.applyConstraints(videoConstraints(choices, true));
  } catch {
    // The picture stays as it is; viewers see it whole, with a blurred ground.
  }
}

/** First permission for both at once: one question instead of two. The tracks are closed again. */
export async function askForBoth(): Promise<void> {
  const stream = await media().getUserMedia({ audio: true, video: true });
  for (const track of stream.getTracks()) track.stop();
}

export interface DeviceList {
  cameras: MediaDeviceInfo[];
  microphones: MediaDeviceInfo[];
}

export async function listDevices(): Promise<DeviceList> {
  const all = await media().enumerateDevices();
  const named = (kind: MediaDeviceKind) => all.filter((device) => device.kind === kind && device.deviceId !== "");
  return { cameras: named("videoinput"), microphones: named("audioinput") };
}
