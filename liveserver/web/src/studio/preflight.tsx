import { t } from "../i18n";
import { Icon } from "../ui/icon";
import { LanguageSwitch } from "../ui/language_switch";
import { bitrate, milliseconds } from "../ui/values";
import { n } from "../i18n";
import type { Capture } from "./capture";
import { judge, judgeRoom, summarise, type CheckName, type Facts, type Verdict } from "./checks";
import { uplinkBps, type Quality } from "./choices";
import type { FrameCounter } from "./frames";
import { LevelBar, Segmented } from "./parts";
import { Preview } from "./preview";
import { DeviceNotice, ServerNotice } from "./problems";
import type { StudioSession } from "./session";

interface Shown {
  session: StudioSession;
  frames: FrameCounter;
  onGoLive: () => void;
}

/** Before air: what the camera sees, which devices, and whether everything is ready. */
export function Preflight({ session, frames, onGoLive }: Shown) {
  const { capture } = session;
  const choices = capture.choices.value;
  return (
    <main class="preflight" id="main">
      <header class="preflight__top">
        <div class="grow">
          <p class="small muted">{t("studio.room", { room: session.address.room })}</p>
          <h1 class="clip">{session.room.value?.title ?? session.address.room}</h1>
        </div>
        <Steps session={session} frames={frames} />
        <LanguageSwitch />
      </header>
      <section class="preflight__picture" aria-label={t("studio.preview")}>
        <Preview capture={capture} frames={frames} guides={choices.guides}>
          <p class="phone__note">
            <Icon name={capture.hasCamera.value ? "eyeOff" : "cameraOff"} />
            {capture.isOpening.value ? t("studio.opening") : capture.hasCamera.value ? t("studio.only_you") : t("checks.camera_bad")}
          </p>
        </Preview>
        <p class="row small muted preflight__caption">
          <span>{capture.isOpening.value ? t("studio.allow") : t("studio.guides_hint")}</span>
          <button class="linkish" type="button" aria-pressed={choices.guides} onClick={() => void capture.change({ guides: !choices.guides })}>
            <Icon name="grid" size="sm" /> {t("studio.guides")}
          </button>
        </p>
      </section>
      <Devices capture={capture} />
      <Checks session={session} frames={frames} onGoLive={onGoLive} />
    </main>
  );
}

function Steps({ session, frames }: Omit<Shown, "onGoLive">) {
  const hasDevices = session.capture.hasCamera.value && frames.seen.value !== null;
  return (
    <ol class="steps" aria-label={t("studio.steps")}>
      <li {...(hasDevices ? { "data-done": "" } : { "aria-current": "step" as const })}>
        {hasDevices ? <Icon name="check" size="sm" /> : <b>1</b>}
        {t("studio.step_devices")}
      </li>
      <li {...(hasDevices && { "aria-current": "step" as const })}>
        <b>2</b>
        {t("studio.step_checks")}
      </li>
      <li>
        <b>3</b>
        {t("studio.step_count")}
      </li>
    </ol>
  );
}

function Devices({ capture }: { capture: Capture }) {
  const choices = capture.choices.value;
  const loudness = capture.meter.loudness.value;
  const problem = capture.problem.value;
  return (
    <section class="preflight__devices" aria-labelledby="devices-title">
      <h2 id="devices-title">{t("studio.devices")}</h2>
      {problem && <DeviceNotice problem={problem} onRetry={() => void capture.open()} />}
      <DevicePickers capture={capture} />
      <div class="row">
        <LevelBar meter={capture.meter} segments={32} />
        <output class={`small row ${loudness === "good" ? "ok" : "warn"}`}>
          <Icon name={loudness === "good" ? "ok" : "alert"} size="sm" />
          {t(`studio.level_${loudness}`)}
        </output>
      </div>
      <QualityPicker capture={capture} />
      <div class="field">
        <span class="label">{t("studio.orientation")}</span>
        <Segmented
          label={t("studio.orientation")}
          value={choices.orientation}
          options={[["portrait", t("studio.portrait")], ["landscape", t("studio.landscape")]]}
          onChange={(orientation) => void capture.change({ orientation })}
        />
      </div>
      <hr class="rule" />
      <div class="row between">
        <span>
          <b class="small-title">{t("studio.clean_sound")}</b>
          <span class="help block">{t("studio.clean_sound_hint")}</span>
        </span>
        <button class="toggle" type="button" role="switch" aria-checked={choices.cleanSound} aria-label={t("studio.clean_sound")} onClick={() => void capture.change({ cleanSound: !choices.cleanSound })} />
      </div>
    </section>
  );
}

/** Size and bitrate; on air a change takes effect at once. */
export function QualityPicker({ capture }: { capture: Capture }) {
  const choices = capture.choices.value;
  return (
    <div class="field">
      <span class="label">{t("studio.quality")}</span>
      <Segmented<Quality>
        label={t("studio.quality")}
        value={choices.quality}
        options={[["720p", "720p30"], ["1080p", "1080p30"], ["540p", "540p30"]]}
        onChange={(quality) => void capture.change({ quality })}
      />
      <p class="help">{t("studio.quality_hint", { rate: bitrate(uplinkBps(choices.quality)) })}</p>
    </div>
  );
}

/** Camera and microphone; also used on air, where a change takes effect at once. */
export function DevicePickers({ capture }: { capture: Capture }) {
  const { cameras, microphones } = capture.devices.value;
  const choices = capture.choices.value;
  const current = (kind: "audio" | "video", chosen: string | null) =>
    capture.stream.getTracks().find((track) => track.kind === kind)?.getSettings().deviceId || chosen || "";
  return (
    <>
      <div class="field">
        <label for="camera">{t("studio.camera")}</label>
        <select class="select" id="camera" value={current("video", choices.cameraId)} onChange={(event) => void capture.change({ cameraId: event.currentTarget.value })}>
          {!current("video", choices.cameraId) && <option value="">{t("level.none")}</option>}
          {cameras.map((device, index) => (
            <option key={device.deviceId} value={device.deviceId}>
              {device.label || t("studio.camera_n", { n: index + 1 })}
            </option>
          ))}
        </select>
      </div>
      <div class="field">
        <label for="microphone">{t("studio.microphone")}</label>
        <select class="select" id="microphone" value={current("audio", choices.microphoneId)} onChange={(event) => void capture.change({ microphoneId: event.currentTarget.value })}>
          {!current("audio", choices.microphoneId) && <option value="">{t("level.none")}</option>}
          {microphones.map((device, index) => (
            <option key={device.deviceId} value={device.deviceId}>
              {device.label || t("studio.microphone_n", { n: index + 1 })}
            </option>
          ))}
        </select>
      </div>
    </>
  );
}

export function gatherFacts(session: StudioSession, frames: FrameCounter): Facts {
  const { capture, clock } = session;
  const rttMs = clock.rttMs;
  return {
    isSecure: window.isSecureContext,
    frames: frames.seen.value,
    hasCamera: capture.hasCamera.value,
    hasMicrophone: capture.hasMicrophone.value,
    isOpening: capture.isOpening.value,
    isHeard: capture.meter.heardAtMs.value !== null,
    codec: session.encoder.value,
    hasEncoder: typeof RTCPeerConnection === "function",
    serverRttMs: session.room.value ? rttMs : null,
    clockOffsetMs: session.room.value && rttMs !== null ? session.now() - Date.now() : null,
    apiProblem: session.apiProblem.value,
    token: session.tokenVerdict.value,
    room: session.room.value,
    hostName: session.claims?.name ?? null,
  };
}

function Checks({ session, frames, onGoLive }: Shown) {
  const facts = gatherFacts(session, frames);
  const verdicts = judge(facts);
  const summary = summarise(verdicts);
  const row = (name: CheckName) => <Check key={name} name={name} verdict={verdicts[name]} facts={facts} rttMs={session.clock.rttMs} />;
  const problem = session.problem.value ?? endedProblem(session);
  const isOurs = judgeRoom(facts) === "yours";
  return (
    <section class="preflight__checks" aria-labelledby="checks-title">
      <div class="row between">
        <h2 id="checks-title">{t("checks.title")}</h2>
        <button class="btn btn--small btn--quiet" type="button" onClick={() => void session.check()}>
          <Icon name="sync" size="sm" />
          {t("checks.again")}
        </button>
      </div>
      {problem ? <ServerNotice session={session} problem={problem} /> : <VerdictBox {...summary} />}
      <h3 class="checks__group">{t("checks.group_devices")}</h3>
      <ul class="checks">{(["secure", "camera", "microphone", "codec"] as const).map(row)}</ul>
      <h3 class="checks__group">{t("checks.group_network")}</h3>
      <ul class="checks">{(["server", "clock", "token", "room"] as const).map(row)}</ul>
      <p class="help">{t("checks.uplink_note")}</p>
      <div class="preflight__go">
        <button class="btn btn--primary btn--large grow" id="go-live" type="button" disabled={summary.state !== "ready"} onClick={onGoLive}>
          {isOurs ? t("studio.resume_show") : t("studio.go_live")}
          <Icon name="right" />
        </button>
      </div>
    </section>
  );
}

/** An ended room is known before anyone presses anything. */
function endedProblem(session: StudioSession) {
  if (session.room.value?.state !== "ended") return null;
  return { code: "room_ended", status: 409, title: "", detail: "", retryAfterS: null };
}

function VerdictBox({ state, blocking, advice }: ReturnType<typeof summarise>) {
  const icon = ({ ready: "ok", blocked: "alert", running: "sync" } as const)[state];
  const title = { ready: t("checks.ready"), blocked: t("checks.blocked"), running: t("checks.running") }[state];
  const clean = advice > 0 ? t("checks.ready_advice", { n: advice }) : t("checks.ready_clean");
  return (
    <p class={`verdict verdict--${state}`} role="status" id="verdict" data-state={state}>
      <span class="verdict__mark">
        <Icon name={icon} />
      </span>
      <span>
        <b>{title}</b>
        {state !== "running" && <span class="muted small block">{state === "blocked" ? t("checks.blocked_hint", { n: blocking }) : clean}</span>}
      </span>
    </p>
  );
}

function Check({ name, verdict, facts, rttMs }: { name: CheckName; verdict: Verdict; facts: Facts; rttMs: number | null }) {
  const icon = ({ ok: "ok", warn: "alert", bad: "alert", wait: "sync" } as const)[verdict];
  return (
    <li class={`check check--${verdict}`} data-check={name} data-verdict={verdict}>
      <Icon name={icon} />
      <span>{t(`checks.${name}`)}</span>
      <span class="value">{checkValue(name, verdict, facts, rttMs)}</span>
      {name === "microphone" && verdict === "warn" && <span class="note">{t("checks.microphone_note")}</span>}
      {name === "room" && verdict === "warn" && <span class="note">{t("checks.room_taken_note")}</span>}
    </li>
  );
}

function checkValue(name: CheckName, verdict: Verdict, facts: Facts, rttMs: number | null): string {
  switch (name) {
    case "secure":
      return facts.isSecure ? t("checks.secure_ok") : t("checks.secure_bad");
    case "camera": {
      if (!facts.frames) return verdict === "wait" ? t("checks.camera_waiting") : t("checks.camera_bad");
      const { width, height, perSecond } = facts.frames;
      return t("checks.camera_ok", { width, height, fps: perSecond });
    }
    case "microphone":
      if (!facts.hasMicrophone) return t("checks.microphone_bad");
      return facts.isHeard ? t("checks.microphone_ok") : t("checks.microphone_quiet");
    case "codec":
      if (!facts.codec) return t("checks.codec_bad");
      return t(facts.codec.isHardware ? "checks.codec_hardware" : "checks.codec_ok", { codec: facts.codec.codec });
    case "server":
      if (verdict === "bad") return t("checks.server_bad");
      return facts.serverRttMs === null ? "" : milliseconds(facts.serverRttMs);
    case "clock":
      if (facts.clockOffsetMs === null || rttMs === null) return "";
      return t("checks.clock_ok", { offset: n(Math.round(facts.clockOffsetMs) + 0), error: n(Math.ceil(rttMs / 2)) });
    case "token":
      return verdict === "wait" ? "" : verdict === "ok" ? t("checks.token_ok") : t("checks.token_bad");
    case "room":
      return roomValue(facts);
  }
}

function roomValue(facts: Facts): string {
  const room = judgeRoom(facts);
  if (room === "unknown") return "";
  if (room === "taken") return t("checks.room_taken", { name: facts.room?.host_name || t("checks.room_someone") });
  return t(`checks.room_${room}`);
}
