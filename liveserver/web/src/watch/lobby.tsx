import { useState } from "preact/hooks";
import { t } from "../i18n";
import type { Room } from "../protocol/api";
import { Icon } from "../ui/icon";
import { share, type Shared } from "../ui/share";
import { useTicks } from "../ui/ticks";
import { instant, schedule } from "../ui/values";

const MINUTE_MS = 60_000;
/** Spoken when this many minutes are left; the ticking clock itself stays silent. */
const SPOKEN_MINUTES = [30, 10, 5, 1];

/** Before the show: what, when, and how long still, by the server's clock. */
export function Lobby({ room, now }: { room: Room; now: () => number }) {
  useTicks(250);
  const startMs = instant(room.scheduled_at);
  const leftMs = startMs === null ? null : startMs - now();
  return (
    <section class="lobby" data-surface="video">
      <div class="lobby__main">
        <p class="lobby__when">{startMs === null ? t("watch.no_time") : startText(startMs, now())}</p>
        <h1 class="lobby__title">{room.title}</h1>
        {leftMs !== null && leftMs > 0 && <Countdown leftMs={leftMs} />}
        {leftMs !== null && leftMs <= 0 && <p class="lobby__soon">{t("watch.soon")}</p>}
        <div class="lobby__actions">
          <ShareButton title={room.title} />
        </div>
        <p class="lobby__note">{t("watch.auto_join")}</p>
      </div>
    </section>
  );
}

function startText(startMs: number, nowMs: number): string {
  const { time, zone, day } = schedule(startMs, nowMs);
  return day === null ? t("watch.starts_today", { time, zone }) : t("watch.starts_on", { day, time, zone });
}

function Countdown({ leftMs }: { leftMs: number }) {
  const total = Math.ceil(leftMs / 1000);
  const days = Math.floor(total / 86_400);
  const cells: [number, string][] = [
    [Math.floor(total / 3600) % 24, t("watch.hours")],
    [Math.floor(total / 60) % 60, t("watch.minutes")],
    [total % 60, t("watch.seconds")],
  ];
  if (days > 0) cells.unshift([days, t("watch.days")]);
  const minutes = Math.ceil(leftMs / MINUTE_MS);
  return (
    <>
      <p class="countdown" role="timer" aria-live="off" aria-label={t("watch.countdown")}>
        {cells.map(([value, unit]) => (
          <span class="countdown__cell" key={unit}>
            <b>{String(value).padStart(2, "0")}</b>
            <small>{unit}</small>
          </span>
        ))}
      </p>
      <p class="visually-hidden" role="status">
        {SPOKEN_MINUTES.includes(minutes) ? t("watch.starts_in", { minutes }) : ""}
      </p>
    </>
  );
}

function ShareButton({ title }: { title: string }) {
  const [result, setResult] = useState<Shared | null>(null);
  const onClick = async () => {
    setResult(await share(location.origin + location.pathname, title));
    setTimeout(() => setResult(null), 2500);
  };
  return (
    <button class="button button--paper button--wide" type="button" onClick={() => void onClick()}>
      <Icon name={result === "copied" ? "check" : "share"} />
      <span aria-live="polite">{result === "copied" ? t("watch.share_copied") : t("watch.share")}</span>
    </button>
  );
}
