import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n";
import { Icon } from "../ui/icon";
import type { FrameCounter } from "./frames";
import { Preview } from "./preview";
import type { StudioSession } from "./session";

const COUNT = 3;

/** 3-2-1, skippable and stoppable; nothing is sent before it is over. */
export function Countdown(props: { session: StudioSession; frames: FrameCounter; onDone: () => void; onCancel: () => void }) {
  const [left, setLeft] = useState(COUNT);
  useEffect(() => {
    if (left === 0) return props.onDone();
    const timer = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(timer);
  }, [left]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape") props.onCancel();
      if (event.key !== "Enter") return;
      event.preventDefault();
      props.onDone();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  return (
    <main class="countdown" id="main">
      <Preview capture={props.session.capture} frames={props.frames}>
        <div class="countdown__count" role="timer" aria-label={t("studio.count_title", { n: left })}>
          <b>{Math.max(1, left)}</b>
        </div>
      </Preview>
      <section class="countdown__plan">
        <p class="chip chip--line">
          <Icon name="eyeOff" />
          {t("studio.count_hidden")}
        </p>
        <h1>{t("studio.count_title", { n: Math.max(1, left) })}</h1>
        <ol class="plan">
          <li>
            <b>{t("studio.count_time")}</b>
            {t("studio.count_picture")}
          </li>
          <li>
            <b>{t("studio.count_time")}</b>
            {t("studio.count_link")}
          </li>
        </ol>
        <div class="row wrap">
          <button class="btn btn--large" type="button" onClick={props.onCancel}>
            {t("action.cancel")} <kbd>{t("studio.key_esc")}</kbd>
          </button>
          <button class="btn btn--quiet btn--large" id="skip-count" type="button" onClick={props.onDone}>
            {t("studio.count_skip")} <kbd>{t("studio.key_enter")}</kbd>
          </button>
        </div>
      </section>
    </main>
  );
}
