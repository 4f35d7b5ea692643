import { useEffect } from "preact/hooks";
import { n, t } from "../i18n";
import { Icon, type IconName } from "../ui/icon";
import { isPageKey } from "../ui/keys";
import { share } from "../ui/share";
import { useTicks } from "../ui/ticks";
import { bitrate, clockTime, delay, percent } from "../ui/values";
import { Desk } from "./desk";
import type { FrameCounter } from "./frames";
import { HoldButton, LevelBar } from "./parts";
import { Preview } from "./preview";
import type { StudioSession } from "./session";
import { gradeDelay, gradeLoss, gradeUplink, type Grade } from "./warnings";

/** On air: status on top, the picture as viewers see it, the desk beside it, tools at the bottom. */
export function OnAir({ session, frames }: { session: StudioSession; frames: FrameCounter }) {
  useTicks(500);
  const { capture } = session;
  const choices = capture.choices.value;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      // Space presses a focused button; only elsewhere it is the microphone's.
      if (event.key !== " " || event.repeat || !isPageKey(event)) return;
      if (event.target instanceof HTMLElement && event.target.closest("button, a")) return;
      event.preventDefault();
      capture.setMuted(!capture.isMuted.value);
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  return (
    <div class="studio">
      <Status session={session} />
      <main class="stage" id="main">
        <figure class="preview">
          <Preview capture={capture} frames={frames} guides={choices.guides}>
            <ViewersSee session={session} />
          </Preview>
          <figcaption class="row between small muted">
            <span>{t("studio.viewers_see")}</span>
            <button class="linkish" type="button" aria-pressed={choices.guides} onClick={() => void capture.change({ guides: !choices.guides })}>
              <Icon name="grid" size="sm" /> {t("studio.guides")}
            </button>
          </figcaption>
        </figure>
      </main>
      <Desk session={session} />
      <Tools session={session} />
    </div>
  );
}

function Status({ session }: { session: StudioSession }) {
  const isPaused = session.isPaused.value;
  return (
    <header class="status" aria-label={t("studio.status")}>
      <div class="status__show">
        <h1 class="clip">{session.room.value?.title ?? session.address.room}</h1>
      </div>
      <LiveChip session={session} />
      <Values session={session} />
      <div class="status__actions">
        <button class="btn" id="pause" type="button" aria-pressed={isPaused} onClick={() => void session.pause(!isPaused)}>
          <Icon name={isPaused ? "play" : "pause"} />
          {isPaused ? t("studio.resume") : t("studio.pause")}
        </button>
        <HoldButton id="end" hint={t("studio.end_hint")} onHeld={() => void session.end()}>
          <Icon name="stop" />
          {t("studio.end")}
        </HoldButton>
      </div>
    </header>
  );
}

function LiveChip({ session }: { session: StudioSession }) {
  const time = clockTime(session.onAirMs / 1000);
  const phase = session.phase.value;
  if (phase === "connecting") return <p class="chip chip--warn status__live">{t("studio.connecting")}</p>;
  if (phase === "reconnecting" || phase === "interrupted") return <p class="chip chip--bad status__live">{t("studio.reconnecting")}</p>;
  if (session.isPaused.value) return <p class="chip chip--line status__live">{t("studio.paused", { time })}</p>;
  return (
    <p class="chip chip--live status__live" id="on-air">
      {t("studio.on_air", { time })}
    </p>
  );
}

const TONE: Record<Grade, string> = { good: "ok", fair: "warn", high: "warn", poor: "bad", none: "muted" };

function Values({ session }: { session: StudioSession }) {
  const room = session.room.value;
  const stats = session.stats.value;
  const p95 = room?.delay_ms?.p95 ?? null;
  const uplink = stats?.bitrateBps ?? null;
  const loss = stats?.loss ?? room?.ingest?.loss ?? null;
  const uplinkGrade = gradeUplink(uplink, session.maxUplinkBps, stats?.limitation ?? null);
  return (
    <dl class="status__values" aria-label={t("studio.values")}>
      <Value id="viewers" icon="eye" term={t("studio.watching")} value={n(room?.viewers ?? 0)} />
      <Value id="delay" icon="timer" term={t("studio.delay")} value={delay(p95)} grade={gradeDelay(p95)} />
      <Value id="uplink" icon={uplinkGrade === "poor" ? "offline" : "signal"} term={t("studio.uplink")} value={bitrate(uplink)} grade={uplinkGrade} />
      <Value id="loss" icon={gradeLoss(loss) === "good" ? "ok" : "alert"} term={t("studio.loss")} value={percent(loss)} grade={gradeLoss(loss)} />
    </dl>
  );
}

function Value(props: { id: string; icon: IconName; term: string; value: string; grade?: Grade }) {
  const grade = props.grade === "none" ? undefined : props.grade;
  return (
    <div>
      <dt>{props.term}</dt>
      <dd class={grade && TONE[grade]} id={`value-${props.id}`}>
        <Icon name={props.icon} size="sm" />
        <b>{props.value}</b>
        {grade && <small>{t(`level.${grade}`)}</small>}
      </dd>
    </div>
  );
}

/** A small copy of the viewer's page over the picture. */
function ViewersSee({ session }: { session: StudioSession }) {
  const room = session.room.value;
  const isGone = session.phase.value !== "live";
  const { capture } = session;
  const state = isGone && session.phase.value !== "connecting" ? "studio.preview_reconnecting" : session.isPaused.value ? "studio.preview_paused" : capture.isCameraOff.value ? "studio.preview_camera_off" : null;
  return (
    <>
      <p class="phone__host">
        <i>{[...(room?.title ?? session.address.room)][0]}</i>
        <b class="clip">{room?.title ?? session.address.room}</b>
        <span>{n(room?.viewers ?? 0)}</span>
      </p>
      {state && (
        <p class="phone__state" role="status">
          <Icon name={state === "studio.preview_camera_off" ? "cameraOff" : "pause"} />
          {t(state)}
        </p>
      )}
    </>
  );
}

function Tools({ session }: { session: StudioSession }) {
  const { capture } = session;
  const isMuted = capture.isMuted.value;
  const isCameraOff = capture.isCameraOff.value;
  return (
    <div class="tools" role="toolbar" aria-label={t("studio.tools")}>
      <button class="tool" id="mute" type="button" aria-pressed={isMuted} aria-label={t("studio.mute")} aria-keyshortcuts="Space" onClick={() => capture.setMuted(!isMuted)}>
        <Icon name={isMuted ? "micOff" : "mic"} />
        <span>
          {isMuted ? t("studio.mic_off") : t("studio.mic")} <kbd>{t("studio.key_space")}</kbd>
        </span>
      </button>
      <LevelBar meter={capture.meter} segments={14} />
      <button class="tool" id="camera-off" type="button" aria-pressed={isCameraOff} onClick={() => capture.setCameraOff(!isCameraOff)}>
        <Icon name={isCameraOff ? "cameraOff" : "camera"} />
        {isCameraOff ? t("studio.camera_off") : t("studio.camera_on")}
      </button>
      <button class="tool" id="share" type="button" onClick={() => void share(session.watchUrl, session.room.value?.title ?? session.address.room)}>
        <Icon name="share" />
        {t("studio.share")}
      </button>
      <span class="grow" />
      <button class="tool" id="leave" type="button" title={t("studio.leave_hint")} onClick={() => session.leave()}>
        <Icon name="leave" />
        {t("studio.leave")}
      </button>
    </div>
  );
}
