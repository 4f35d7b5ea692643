import type { ComponentChildren } from "preact";
import { hasKey, t, type Key } from "../i18n";
import type { Problem } from "../protocol/problem";
import { Icon } from "../ui/icon";
import { LanguageSwitch } from "../ui/language_switch";
import type { DeviceProblem } from "./devices";
import { Command, Notice } from "./parts";
import type { StudioSession } from "./session";

const TOKEN_CODES = ["token_missing", "token_invalid", "token_expired", "forbidden"];

/** Title and text of a problem's code; codes without words get general ones and show themselves. */
function words(code: string): { title: string; text: string; isKnown: boolean } {
  const title = `problem.${code}.title`;
  const text = `problem.${code}.text`;
  if (!hasKey(title) || !hasKey(text)) return { title: t("problem.other.title"), text: t("problem.other.text"), isKnown: false };
  return { title: plain(title), text: plain(text), isKnown: true };
}

/** Texts of problems take no values, but for the one with a name in it, handled where it is shown. */
function plain(key: Key): string {
  return (t as (key: Key) => string)(key);
}

/** A page of its own: nothing can be done here before this is solved. */
export function ProblemPage({ code, room, children }: { code: string; room: string; children?: ComponentChildren }) {
  const { title, text } = words(code);
  const isToken = TOKEN_CODES.includes(code);
  return (
    <main class="blank">
      <Icon name={isToken ? "lock" : "alert"} />
      <h1 aria-live="assertive">{title}</h1>
      <p>{text}</p>
      {isToken && <Command text={t("problem.token.command", { room })} />}
      {code === "not_secure" && <Command text={t("problem.not_secure.command")} />}
      {children}
      <p class="mono muted">{code}</p>
      <LanguageSwitch />
    </main>
  );
}

export function DeviceNotice({ problem, onRetry }: { problem: DeviceProblem; onRetry: () => void }) {
  const { title, text } = words(problem);
  return (
    <Notice level="bad" icon={problem === "no_camera" ? "cameraOff" : "alert"} title={title} text={text}>
      <div class="row wrap">
        <button class="btn" type="button" onClick={onRetry}>
          {t("action.retry")}
        </button>
      </div>
    </Notice>
  );
}

/** What the server said no to, with the one thing to do about it. */
export function ServerNotice({ session, problem }: { session: StudioSession; problem: Problem }) {
  const { code } = problem;
  const { isKnown } = words(code);
  const { title, text } = words(problem.status === 0 ? "unreachable" : code);
  const name = session.room.value?.host_name || t("problem.room_taken.someone");
  return (
    <Notice level={code === "room_ended" ? "info" : "bad"} icon="alert" title={title} text={code === "room_taken" ? t("problem.room_taken.text", { name }) : text} code={isKnown ? undefined : code}>
      {(code === "room_taken" || code === "taken_over") && (
        <div class="row wrap">
          <button class="btn btn--live" type="button" id="take-over" onClick={() => session.goLive({ takeOver: true })}>
            {t("problem.take_over")}
          </button>
        </div>
      )}
      {code === "room_ended" && (
        <div class="row wrap">
          <button class="btn btn--primary" type="button" id="new-show" onClick={() => void session.startNewShow()}>
            {t("problem.new_show")}
          </button>
        </div>
      )}
    </Notice>
  );
}
