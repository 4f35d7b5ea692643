import { t } from "../i18n";
import type { Room } from "../protocol/api";
import { Icon } from "../ui/icon";
import { LanguageSwitch } from "../ui/language_switch";
import { day, dayAndTime, instant, length } from "../ui/values";
import { showLength } from "./session";
import { useTicks } from "../ui/ticks";

/** After the show: what it was and when. */
export function After({ room, now }: { room: Room; now: () => number }) {
  const startedMs = instant(room.started_at);
  const endedMs = instant(room.ended_at);
  const lengthMs = showLength(room, now());
  const facts: [string, string | null][] = [
    [t("ended.started"), startedMs === null ? null : dayAndTime(startedMs)],
    [t("ended.ended"), endedMs === null ? null : dayAndTime(endedMs)],
    [t("ended.length"), lengthMs === null ? null : length(lengthMs)],
    [t("ended.host"), room.host_name],
  ];
  return (
    <section class="after">
      <div class="after__body">
        <span class="stop__icon">
          <Icon name="check" />
        </span>
        <p class="after__kicker">{endedMs === null ? t("ended.kicker_bare") : t("ended.kicker", { day: day(endedMs) })}</p>
        <h1 class="after__title">{room.title}</h1>
        <dl class="facts">
          {facts.map(([term, value]) => value && <Fact key={term} term={term} value={value} />)}
        </dl>
        <p class="after__note">{t("ended.stay")}</p>
        <div class="stop__actions">
          <a class="button button--strong" href="/">
            {t("stop.other_shows")}
          </a>
        </div>
        <LanguageSwitch />
      </div>
    </section>
  );
}

function Fact({ term, value }: { term: string; value: string }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** Nothing to show: no such room, no invitation, or no place. */
export function Stop({ view, retryAtMs }: { view: "notfound" | "forbidden" | "full"; retryAtMs: number | null }) {
  useTicks(1000);
  const seconds = retryAtMs === null ? 0 : Math.max(0, Math.ceil((retryAtMs - performance.now()) / 1000));
  const code = { notfound: "room_not_found", forbidden: "forbidden", full: t("stop.full.code", { seconds }) }[view];
  const icon = ({ notfound: "search", forbidden: "lock", full: "clock" } as const)[view];
  return (
    <section class="stop">
      <span class="stop__icon">
        <Icon name={icon} />
      </span>
      <h1 class="stop__title">{t(`stop.${view}.title`)}</h1>
      <p class="stop__text">{t(`stop.${view}.text`)}</p>
      <div class="stop__actions">
        <a class="button button--strong" href="/">
          {t("stop.other_shows")}
        </a>
      </div>
      <p class="stop__code">{code}</p>
      <LanguageSwitch />
    </section>
  );
}
