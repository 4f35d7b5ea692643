import { useComputed, useSignalEffect } from "@preact/signals";
import { n, t } from "../i18n";
import { Icon } from "../ui/icon";
import { LanguageSwitch } from "../ui/language_switch";
import { length } from "../ui/values";
import { OnAir } from "./air";
import { Countdown } from "./countdown";
import type { FrameCounter } from "./frames";
import { Preflight } from "./preflight";
import { ProblemPage } from "./problems";
import type { StudioSession } from "./session";

export function StudioPage({ session, frames }: { session: StudioSession; frames: FrameCounter }) {
  const state = useComputed(() => pageState(session));
  useSignalEffect(() => {
    document.title = t("studio.title", { title: session.room.value?.title ?? session.address.room });
  });
  return (
    <div id="studio" data-state={state.value}>
      <Step session={session} frames={frames} />
    </div>
  );
}

/** One word for tests and styles. */
function pageState(session: StudioSession): string {
  const step = session.step.value;
  if (step !== "air") return step === "setup" && blockingProblem(session) ? "problem" : step;
  const phase = session.phase.value;
  if (phase === "live") return session.isPaused.value ? "paused" : "live";
  return phase === "interrupted" ? "reconnecting" : phase;
}

/** Problems with nothing to do on this page before they are solved. */
function blockingProblem(session: StudioSession): string | null {
  const device = session.capture.problem.value;
  if (device === "not_secure" || device === "no_webrtc") return device;
  const token = session.tokenVerdict.value;
  if (token !== "wait" && token !== "ok") return token;
  const code = session.problem.value?.code ?? "";
  return ["token_missing", "token_invalid", "token_expired", "forbidden"].includes(code) ? code : null;
}

function Step({ session, frames }: { session: StudioSession; frames: FrameCounter }) {
  switch (session.step.value) {
    case "setup": {
      const code = blockingProblem(session);
      if (code) return <ProblemPage code={code} room={session.address.room} />;
      return <Preflight session={session} frames={frames} onGoLive={() => (session.step.value = "countdown")} />;
    }
    case "returning":
      return <Returning session={session} />;
    case "countdown":
      return (
        <Countdown session={session} frames={frames} onDone={() => session.step.value === "countdown" && session.goLive()} onCancel={() => (session.step.value = "setup")} />
      );
    case "air":
      return <OnAir session={session} frames={frames} />;
    case "ended":
      return <Ended session={session} />;
    case "left":
      return <Left session={session} />;
  }
}

function Returning({ session }: { session: StudioSession }) {
  return (
    <main class="blank">
      <Icon name="sync" />
      <h1 aria-live="assertive">{t("studio.returning_title")}</h1>
      <p>{t("studio.returning_text")}</p>
      <button class="btn btn--large" id="stay-off" type="button" onClick={() => session.backToSetup()}>
        {t("studio.returning_stop")}
      </button>
      <LanguageSwitch />
    </main>
  );
}

function Ended({ session }: { session: StudioSession }) {
  return (
    <main class="blank">
      <Icon name="check" />
      <h1 aria-live="assertive">{t("studio.ended_title")}</h1>
      <p>{t("studio.ended_text")}</p>
      <dl class="facts facts--large">
        <div>
          <dt>{t("studio.ended_length")}</dt>
          <dd>{length(session.onAirMs)}</dd>
        </div>
        <div>
          <dt>{t("studio.ended_peak")}</dt>
          <dd>{n(session.peakViewers.value)}</dd>
        </div>
      </dl>
      <button class="btn btn--primary btn--large" id="new-show" type="button" onClick={() => void session.startNewShow()}>
        {t("problem.new_show")}
      </button>
      <LanguageSwitch />
    </main>
  );
}

function Left({ session }: { session: StudioSession }) {
  return (
    <main class="blank">
      <Icon name="leave" />
      <h1 aria-live="assertive">{t("studio.left_title")}</h1>
      <p>{t("studio.left_text")}</p>
      <button class="btn btn--primary btn--large" id="return" type="button" onClick={() => session.backToSetup()}>
        {t("studio.resume_show")}
      </button>
      <LanguageSwitch />
    </main>
  );
}
