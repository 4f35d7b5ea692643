/** Measured numbers as people read them, in the language in use. */
import { dateTime, language, n, t } from "../i18n";

export function bitrate(bps: number | null): string {
  if (bps === null) return t("unit.none");
  if (bps < 1_000_000) return t("unit.kbps", { value: n(Math.round(bps / 1000)) });
  return t("unit.mbps", { value: n(bps / 1e6, { minimumFractionDigits: 1, maximumFractionDigits: 1 }) });
}

export function milliseconds(ms: number | null): string {
  return ms === null ? t("unit.none") : t("unit.ms", { value: n(Math.round(ms)) });
}

/** Below a second in ms, above it in seconds with one decimal. */
export function delay(ms: number | null): string {
  if (ms === null) return t("unit.none");
  return ms < 1000 ? milliseconds(ms) : t("unit.seconds", { value: seconds(ms) });
}

export function seconds(ms: number): string {
  return n(ms / 1000, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

export function percent(share: number | null): string {
  if (share === null) return t("unit.none");
  return t("unit.percent", { value: n(share * 100, { maximumFractionDigits: 1 }) });
}

/** 1:02:03 or 02:03, from seconds. */
export function clockTime(totalSeconds: number): string {
  const whole = Math.max(0, Math.floor(totalSeconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const rest = `${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return hours > 0 ? `${two(hours)}:${rest}` : rest;
}

/** A length in words: hours and minutes. */
export function length(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return t("ended.under_a_minute");
  if (minutes < 60) return t("ended.minutes", { minutes });
  return t("ended.hours_minutes", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}

/** Time of day, short zone name and, on another day, the day: a schedule is read in many places. */
export function schedule(ms: number, nowMs: number): { time: string; zone: string; day: string | null } {
  const isToday = new Date(ms).toDateString() === new Date(nowMs).toDateString();
  const parts = new Intl.DateTimeFormat(language.value, { hour: "numeric", timeZoneName: "short" }).formatToParts(ms);
  return {
    time: dateTime(ms, { timeStyle: "short" }),
    zone: parts.find((part) => part.type === "timeZoneName")?.value ?? "",
    day: isToday ? null : dateTime(ms, { month: "long", day: "numeric", weekday: "short" }),
  };
}

export function day(ms: number): string {
  return dateTime(ms, { month: "long", day: "numeric" });
}

export function dayAndTime(ms: number): string {
  return dateTime(ms, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
}

/** Unix ms of an RFC 3339 text; null stays null. */
export function instant(rfc3339: string | null): number | null {
  const ms = rfc3339 === null ? Number.NaN : Date.parse(rfc3339);
  return Number.isNaN(ms) ? null : ms;
}
