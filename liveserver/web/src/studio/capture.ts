/** The host's own picture and sound: one stream whose tracks are changed under it. */
import { signal } from "@preact/signals";
import { keepChoices, recallChoices, type Choices } from "./choices";
import { askForBoth, listDevices, missingAbility, nameDeviceProblem, openCamera, openMicrophone, type DeviceList, type DeviceProblem } from "./devices";
import { LevelMeter } from "./level";

type Kind = "audio" | "video";

export class Capture {
  readonly stream = new MediaStream();
  readonly meter = new LevelMeter();
  readonly choices = signal<Choices>(recallChoices());
  readonly devices = signal<DeviceList>({ cameras: [], microphones: [] });
  readonly problem = signal<DeviceProblem | null>(missingAbility());
  readonly isOpening = signal(false);
  /** The devices have been asked for, with whatever result. */
  readonly wasOpened = signal(false);
  readonly hasCamera = signal(false);
  readonly hasMicrophone = signal(false);
  readonly cameraStopped = signal(false);
  readonly microphoneStopped = signal(false);
  readonly isMuted = signal(false);
  readonly isCameraOff = signal(false);
  /** Everything off at once while the show is paused. */
  readonly isPaused = signal(false);
  /** Called with each new track; the publisher sends it from then on. */
  onTrack: (track: MediaStreamTrack) => void = () => undefined;

  /** Opens both devices; what cannot be opened is named in `problem`. */
  async open(): Promise<void> {
    this.problem.value = missingAbility();
    if (this.problem.value || this.isOpening.value) return;
    this.isOpening.value = true;
    try {
      const before = await listDevices();
      // Without permission devices have no names: ask once for both.
      if (before.cameras.length === 0 || before.microphones.length === 0) await askForBoth();
    } catch {
      // The two openings below tell which of them fails, and how.
    }
    const microphone = await this.use("audio");
    const camera = await this.use("video");
    this.isOpening.value = false;
    this.wasOpened.value = true;
    this.problem.value = camera ?? microphone;
    await this.list();
    navigator.mediaDevices.addEventListener("devicechange", () => void this.list());
  }

  /** Changes choices, keeps them, and reopens what they touch. */
  async change(change: Partial<Choices>): Promise<void> {
    const before = this.choices.value;
    const after = { ...before, ...change };
    this.choices.value = after;
    keepChoices(after);
    const differs = (...keys: (keyof Choices)[]) => keys.some((key) => before[key] !== after[key]);
    if (differs("cameraId", "quality", "orientation")) this.problem.value = await this.use("video");
    if (differs("microphoneId", "cleanSound")) this.problem.value = (await this.use("audio")) ?? this.problem.value;
    await this.list();
  }

  async reopen(kind: Kind): Promise<void> {
    this.problem.value = await this.use(kind);
  }

  setMuted(muted: boolean): void {
    this.isMuted.value = muted;
    this.apply();
  }

  setCameraOff(off: boolean): void {
    this.isCameraOff.value = off;
    this.apply();
  }

  setPaused(paused: boolean): void {
    this.isPaused.value = paused;
    this.apply();
  }

  close(): void {
    for (const track of this.stream.getTracks()) track.stop();
  }

  private async list(): Promise<void> {
    this.devices.value = await listDevices();
  }

  /** Opens one device as chosen and puts its track in place; null when it worked. */
  private async use(kind: Kind): Promise<DeviceProblem | null> {
    const open = kind === "video" ? openCamera : openMicrophone;
    // Phones open one camera at a time: the old one must go first.
    for (const old of this.stream.getTracks().filter((track) => track.kind === kind)) {
      old.stop();
      this.stream.removeTrack(old);
    }
    try {
      this.place(await open(this.choices.value));
      return null;
    } catch (error) {
      this.mark(kind, false);
      return nameDeviceProblem(error);
    }
  }

  private place(track: MediaStreamTrack): void {
    this.stream.addTrack(track);
    this.mark(track.kind as Kind, true);
    track.addEventListener("ended", () => this.lose(track));
    if (track.kind === "audio") this.meter.listen(track);
    this.apply();
    this.onTrack(track);
  }

  private mark(kind: Kind, has: boolean): void {
    (kind === "video" ? this.hasCamera : this.hasMicrophone).value = has;
    (kind === "video" ? this.cameraStopped : this.microphoneStopped).value = false;
  }

  /** `ended` comes only from outside: unplugged, taken away, permission withdrawn. */
  private lose(track: MediaStreamTrack): void {
    if (!this.stream.getTracks().includes(track)) return;
    (track.kind === "video" ? this.cameraStopped : this.microphoneStopped).value = true;
  }

  private apply(): void {
    for (const track of this.stream.getAudioTracks()) track.enabled = !this.isMuted.value && !this.isPaused.value;
    for (const track of this.stream.getVideoTracks()) track.enabled = !this.isCameraOff.value && !this.isPaused.value;
  }
}
