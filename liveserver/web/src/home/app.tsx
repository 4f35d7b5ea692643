import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { t } from "../i18n";
import { Api, type Room } from "../protocol/api";
import { jittered } from "../protocol/backoff";
import { ServerClock } from "../protocol/clock";
import { Icon, type IconName } from "../ui/icon";
import { LanguageSwitch } from "../ui/language_switch";
import { dayAndTime, instant } from "../ui/values";

const POLL_MS = 5_000;

export function HomePage() {
  const rooms = useSignal<Room[] | null>(null);
  const isUnreachable = useSignal(false);
  const api = useMemo(() => new Api({ fetch: window.fetch.bind(window), now: () => performance.now(), clock: new ServerClock() }), []);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = async () => {
      try {
        rooms.value = sorted((await api.rooms()).items);
        isUnreachable.value = false;
      } catch {
        isUnreachable.value = true;
      }
      timer = setTimeout(() => void load(), jittered(document.hidden ? POLL_MS * 4 : POLL_MS, Math.random));
    };
    void load();
    return () => clearTimeout(timer);
  }, []);

  return (
    <div class="home">
      <header class="home__top">
        <b class="home__brand">{t("app.name")}</b>
        <LanguageSwitch />
      </header>
      <main id="main">
        <h1>{t("home.title")}</h1>
        <p class="home__lead">{t("home.lead")}</p>
        <section aria-label={t("home.rooms")}>
          {isUnreachable.value && (
            <p class="notice notice--warn" role="status">
              <Icon name="offline" />
              <b>{t("home.unreachable.title")}</b>
            </p>
          )}
          {rooms.value?.length === 0 && <Empty />}
          {rooms.value && rooms.value.length > 0 && (
            <ul class="rooms">
              {rooms.value.map((room) => (
                <RoomRow key={room.room} room={room} />
              ))}
            </ul>
          )}
        </section>
        <h2>{t("home.how")}</h2>
        <ul class="people">
          <Person icon="camera" who="host" />
          <Person icon="eye" who="viewer" />
          <Person icon="shop" who="merchant" />
        </ul>
      </main>
    </div>
  );
}

const ORDER = { live: 0, paused: 1, scheduled: 2, ended: 3 } as const;

/** What can be watched now comes first. */
export function sorted(rooms: readonly Room[]): Room[] {
  return [...rooms].sort((a, b) => ORDER[a.state] - ORDER[b.state] || b.viewers - a.viewers || a.room.localeCompare(b.room));
}

function RoomRow({ room }: { room: Room }) {
  const isOn = room.state === "live" || room.state === "paused";
  return (
    <li>
      <a class="roomrow" href={`/watch/${encodeURIComponent(room.room)}`} data-room={room.room}>
        <span class="roomrow__mark" aria-hidden="true">
          {[...room.title][0]}
        </span>
        <span class="roomrow__text">
          <b class="clip">{room.title}</b>
          <span class="roomrow__meta">
            <StateChip room={room} />
            {room.host_name && <span>{room.host_name}</span>}
            <When room={room} />
            {isOn && (
              <span class="row">
                <Icon name="eye" size="sm" />
                {t("room.viewers", { n: room.viewers })}
              </span>
            )}
          </span>
        </span>
        <span class="roomrow__go">
          {isOn ? t("home.watch") : t("home.open")}
          <Icon name="chevron" size="sm" />
        </span>
      </a>
    </li>
  );
}

function StateChip({ room }: { room: Room }) {
  if (room.state === "live" && room.source === "demo") return <span class="chip chip--line">{t("room.demo")}</span>;
  if (room.state === "live" && room.host === "on") return <span class="chip chip--live">{t("room.live")}</span>;
  if (room.state === "live") return <span class="chip chip--warn">{t("room.away")}</span>;
  return <span class="chip chip--line">{t(`room.${room.state}`)}</span>;
}

function When({ room }: { room: Room }) {
  const ms = instant(room.state === "ended" ? room.ended_at : room.state === "scheduled" ? room.scheduled_at : room.started_at);
  if (ms === null) return null;
  const when = dayAndTime(ms);
  const text = { ended: t("home.ended", { when }), scheduled: t("home.starts", { when }), live: t("home.started", { when }), paused: t("home.started", { when }) };
  return <span>{text[room.state]}</span>;
}

function Empty() {
  return (
    <div class="empty">
      <Icon name="camera" size="lg" />
      <b>{t("home.empty.title")}</b>
      <p>{t("home.empty.text")}</p>
      <code>{t("home.empty.command")}</code>
    </div>
  );
}

function Person({ icon, who }: { icon: IconName; who: "host" | "viewer" | "merchant" }) {
  return (
    <li class="person">
      <Icon name={icon} size="lg" />
      <h3>{t(`home.${who}.title`)}</h3>
      <p>{t(`home.${who}.text`)}</p>
      {who === "merchant" ? (
        <a class="mono" href={t("home.merchant.path")}>
          {t("home.merchant.path")}
        </a>
      ) : (
        <code class="mono">{t(`home.${who}.path`)}</code>
      )}
    </li>
  );
}
