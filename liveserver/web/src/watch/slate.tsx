import type { ComponentChildren } from "preact";
import { t } from "../i18n";
import { Icon, type IconName } from "../ui/icon";
import type { SoundOnly } from "./quality";
import type { View } from "./view";

/** What stands over the picture while there is none to see. */
export function Slate(props: { view: View; codec: string | null; hasWebRtc: boolean; isOnline: boolean; onRetry: () => void }) {
  switch (props.view) {
    case "paused":
      return <Plate icon="pause" title={t("slate.paused.title")} text={t("slate.paused.text")} />;
    case "away":
      return <Plate title={t("slate.away.title")} text={t("slate.away.text")} />;
    case "reconnecting":
      return <Plate title={t("slate.reconnecting.title")} text={t("slate.reconnecting.text")} />;
    case "offline":
      return (
        <Plate
          icon="offline"
          title={props.isOnline ? t("slate.unreachable.title") : t("slate.offline.title")}
          text={props.isOnline ? t("slate.unreachable.text") : t("slate.offline.text")}
        >
          <button class="button button--on-video" type="button" onClick={props.onRetry}>
            {t("action.retry")}
          </button>
        </Plate>
      );
    case "unsupported":
      return props.hasWebRtc ? (
        <Plate icon="alert" title={t("slate.unsupported.title")} text={t("slate.unsupported.text", { codec: props.codec ?? "?" })} />
      ) : (
        <Plate icon="alert" title={t("slate.no_webrtc.title")} text={t("slate.no_webrtc.text")} />
      );
    default:
      return null;
  }
}

/** The browser wants a tap before it plays anything, with or without sound. */
export function TapSlate({ onTap }: { onTap: () => void }) {
  return (
    <Plate icon="play" title={t("slate.refused.title")} text={t("slate.refused.text")}>
      <button class="button button--on-video" type="button" onClick={onTap}>
        <Icon name="play" />
        {t("watch.play")}
      </button>
    </Plate>
  );
}

/** Sound without a picture, wished for or not: calm, over the last picture. */
export function SoundSlate({ why, onPicture }: { why: NonNullable<SoundOnly>; onPicture: () => void }) {
  return (
    <Plate icon="sound" title={t("slate.sound.title")} text={t(`slate.sound.${why}`)}>
      {why === "wish" && (
        <button class="button button--on-video" id="picture-on" type="button" onClick={onPicture}>
          <Icon name="play" />
          {t("slate.sound.picture")}
        </button>
      )}
    </Plate>
  );
}

export function Connecting() {
  return (
    <div class="slate slate--clear" role="status">
      <Dots />
      <p class="visually-hidden">{t("watch.connecting")}</p>
    </div>
  );
}

function Plate(props: { icon?: IconName; title: string; text: string; children?: ComponentChildren }) {
  return (
    <div class="slate" role="status">
      <span class="slate__mark">{props.icon ? <Icon name={props.icon} /> : <Dots />}</span>
      <h2 class="slate__title">{props.title}</h2>
      <p class="slate__text">{props.text}</p>
      {props.children}
    </div>
  );
}

function Dots() {
  return (
    <span class="slate__mark" aria-hidden="true">
      <i />
      <i />
      <i />
    </span>
  );
}
