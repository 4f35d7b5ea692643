import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { n, t } from "../i18n";
import type { Room } from "../protocol/api";
import { Icon } from "../ui/icon";
import { isPageKey } from "../ui/keys";
import { recall, remember } from "../ui/storage";
import { seconds } from "../ui/values";
import { After, Stop } from "./after";
import { Lobby } from "./lobby";
import type { WatchSession } from "./session";
import { qualityText, SettingsSheet } from "./settings";
import { Connecting, Slate, SoundSlate, TapSlate } from "./slate";
import { Statistics } from "./statistics";
import { fitOf, pageOf } from "./view";

/** A picture usually appears within this; sooner, a sign of waiting would only flicker. */
const PATIENCE_MS = 700;

export function WatchPage({ session }: { session: WatchSession }) {
  const showsStatistics = useSignal(false);
  const showsSettings = useSignal(false);
  const isStill = useSignal(recall("still") === true || matchMedia("(prefers-reduced-motion: reduce)").matches);
  const room = session.room.value;
  const view = session.view.value;
  const { picture } = session;

  useSignalEffect(() => {
    const title = session.room.value?.title;
    document.title = title ? t("watch.title", { title }) : t("app.name");
  });
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!isPageKey(event)) return;
      const key = event.key.toLowerCase();
      if (key === "i") showsStatistics.value = !showsStatistics.value;
      if (key === "m") picture.setMuted(!picture.isMuted.value);
      if (event.key === "Escape") showsStatistics.value = false;
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);

  const setStill = (on: boolean) => {
    isStill.value = on;
    remember("still", on);
  };
  useSignalEffect(() => {
    session.isLooking.value = showsStatistics.value || showsSettings.value;
  });
  const openSettings = () => (showsSettings.value = true);
  return (
    <main class="room" id="room" data-state={view} data-page={pageOf(view)} data-sound={(view === "live" && session.soundOnly.value) || ""} data-sheet={showsSettings.value ? "settings" : ""} {...(isStill.value && { "data-still": "" })}>
      <div class="room__grid">
        <Stage session={session} />
        {room && <TopBar room={room} onSettings={openSettings} />}
        {room && <Labels session={session} room={room} isStill={isStill.value} />}
        {view === "live" && <SoundStrip session={session} />}
        <Rail session={session} onSettings={openSettings} />
        {view === "waiting" && room && <Lobby room={room} now={() => session.now()} />}
        {view === "ended" && room && <After room={room} now={() => session.now()} />}
        {(view === "notfound" || view === "forbidden" || view === "full") && <Stop view={view} retryAtMs={session.subscriber.value.retryAtMs} />}
        {showsStatistics.value && (
          <Statistics
            stats={session.stats.value}
            delayMs={session.delayMs.value}
            bufferTargetMs={session.bufferTargetMs.value}
            sessionId={session.sessionId}
            quality={qualityText(session.layers, picture.size.value)}
            onClose={() => (showsStatistics.value = false)}
          />
        )}
        {showsSettings.value && (
          <SettingsSheet
            layers={session.layers}
            size={picture.size.value}
            showsStatistics={showsStatistics.value}
            isStill={isStill.value}
            onStatistics={(on) => (showsStatistics.value = on)}
            onStill={setStill}
            onClose={() => (showsSettings.value = false)}
          />
        )}
      </div>
    </main>
  );
}

function Stage({ session }: { session: WatchSession }) {
  const { picture } = session;
  const stage = useRef<HTMLElement>(null);
  const [shape, setShape] = useState({ width: innerWidth, height: innerHeight });
  const view = session.view.value;
  const hasFrame = picture.hasFrame.value;
  const size = picture.size.value;

  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => entry && setShape(entry.contentRect));
    if (stage.current) observer.observe(stage.current);
    return () => observer.disconnect();
  }, []);

  const ingest = session.room.value?.ingest;
  const sound = view === "live" && !picture.needsTap.value ? session.soundOnly.value : null;
  return (
    <section class="stage" ref={stage} data-surface="video" aria-label={t("watch.stage")} data-fit={size ? fitOf(size, shape) : "cover"} {...(hasFrame && { "data-playing": "" })}>
      <canvas class="stage__ambient" aria-hidden="true" width={1} height={1} ref={(canvas) => picture.attachStill(canvas)} />
      <div class="stage__frame">
        <video class="stage__picture" id="video" autoplay playsInline muted disablePictureInPicture ref={(video) => attachOnce(picture, video)} />
      </div>
      <div class="stage__scrim" aria-hidden="true" />
      <Slate view={view} codec={ingest?.video_codec ?? null} hasWebRtc={session.hasWebRtc} isOnline={session.browserOnline.value} onRetry={() => session.hurry()} />
      {view === "live" && picture.needsTap.value && <TapSlate onTap={() => void picture.start()} />}
      {view === "live" && !hasFrame && !sound && !picture.needsTap.value && <Patience />}
      {view === "loading" && <Patience />}
      {sound && <SoundSlate why={sound} onPicture={() => session.layers.choose("auto")} />}
    </section>
  );
}

/** Preact calls a fresh ref function at every drawing; the element is the same. */
const attached = new WeakSet<HTMLVideoElement>();
function attachOnce(picture: WatchSession["picture"], video: HTMLVideoElement | null): void {
  if (!video || attached.has(video)) return;
  attached.add(video);
  picture.attach(video);
}

function Patience() {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setOver(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, []);
  return isOver ? <Connecting /> : null;
}

function TopBar({ room, onSettings }: { room: Room; onSettings: () => void }) {
  const isOnAir = room.state === "live" || room.state === "paused";
  return (
    <header class="topbar" data-surface="video">
      <div class="host">
        <span class="host__avatar" aria-hidden="true">
          {[...room.title][0]}
        </span>
        <p class="host__text">
          <strong class="host__name">{room.title}</strong>
          {room.host_name && <span class="host__by">{t("watch.hosted_by", { name: room.host_name })}</span>}
        </p>
      </div>
      {isOnAir && (
        <p class="audience">
          <span class="live-mark">{t("room.live")}</span>
          <span class="audience__count">
            <Icon name="eye" size="sm" />
            <span aria-hidden="true">{n(room.viewers)}</span>
            <span class="visually-hidden">{t("room.viewers", { n: room.viewers })}</span>
          </span>
        </p>
      )}
      {room.state === "scheduled" && (
        <button class="icon-button topbar__more" type="button" aria-label={t("watch.more")} onClick={onSettings}>
          <Icon name="more" />
        </button>
      )}
      <a class="icon-button topbar__close" href="/" aria-label={t("watch.leave")}>
        <Icon name="close" />
      </a>
    </header>
  );
}

/** Row of labels; those the law asks for will come first and never collapse. */
function Labels({ session, room, isStill }: { session: WatchSession; room: Room; isStill: boolean }) {
  const delayMs = session.delayMs.value;
  const showsDelay = session.view.value === "live" && delayMs !== null && session.picture.hasFrame.value;
  return (
    <ul class="labels" data-surface="video" aria-label={t("watch.labels")}>
      {room.source === "demo" && <li class="label">{t("room.demo")}</li>}
      {showsDelay && (
        <li class="label label--delay" id="delay">
          {t("watch.delay", { seconds: seconds(Math.max(100, delayMs)) })}
        </li>
      )}
      {isStill && <li class="label">{t("watch.still")}</li>}
    </ul>
  );
}

function SoundStrip({ session }: { session: WatchSession }) {
  const { picture } = session;
  if (!picture.isMuted.value || picture.needsTap.value) return null;
  return (
    <div class="strip" data-surface="video">
      <button class="sound" id="sound" type="button" onClick={() => picture.setMuted(false)}>
        <Icon name="mute" />
        {t("watch.sound_on")}
      </button>
    </div>
  );
}

function Rail({ session, onSettings }: { session: WatchSession; onSettings: () => void }) {
  const { picture } = session;
  const showsMute = session.view.value === "live" && !picture.isMuted.value;
  return (
    <nav class="rail" data-surface="video" aria-label={t("watch.tools")}>
      {showsMute && (
        <button class="rail__item" type="button" aria-keyshortcuts="m" onClick={() => picture.setMuted(true)}>
          <Icon name="sound" />
          {t("watch.mute")}
        </button>
      )}
      <button class="rail__item" id="more" type="button" onClick={onSettings}>
        <Icon name="more" />
        {t("watch.more")}
      </button>
    </nav>
  );
}
