import { n, t } from "../i18n";
import type { PlaybackStats } from "../protocol/stats";
import { Icon } from "../ui/icon";
import { bitrate, milliseconds, percent, seconds } from "../ui/values";

interface Shown {
  stats: PlaybackStats | null;
  delayMs: number | null;
  /** What the receivers are asked to buffer. */
  bufferTargetMs: number;
  sessionId: string | null;
  /** The choice of picture and the layer it led to. */
  quality: string;
  onClose: () => void;
}

/** The measured numbers over the picture, for people who want to know. */
export function Statistics(props: Shown) {
  return (
    <section class="statistics" data-surface="video" aria-label={t("stats.title")}>
      <header class="statistics__head">
        <h2>{t("stats.title")}</h2>
        <button class="statistics__close" type="button" aria-label={t("action.close")} onClick={props.onClose}>
          <Icon name="close" size="sm" />
        </button>
      </header>
      <dl>
        {rows(props).map(([term, value]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{value ?? t("unit.none")}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function rows({ stats, delayMs, bufferTargetMs, sessionId, quality }: Shown): [string, string | null][] {
  const session: [string, string | null] = [t("stats.session"), sessionId && sessionId.slice(0, 8)];
  if (!stats) return [session];
  const { width, height } = stats;
  const codecs = [stats.videoCodec, stats.audioCodec].filter((codec) => codec !== null);
  return [
    [t("stats.delay"), delayMs === null ? null : milliseconds(delayMs)],
    [t("stats.resolution"), width && height ? t("unit.size", { width, height }) : null],
    [t("stats.quality"), quality],
    [t("stats.frame_rate"), stats.framesPerSecond === null ? null : t("unit.fps", { value: n(Math.round(stats.framesPerSecond)) })],
    [t("stats.bitrate"), bitrate(stats.bitrateBps)],
    [t("stats.codec"), codecs.length > 1 ? t("unit.join", { a: codecs[0] ?? "", b: codecs[1] ?? "" }) : (codecs[0] ?? null)],
    [t("stats.loss"), t("stats.loss_value", { lost: stats.packetsLost, share: percent(stats.loss) })],
    [t("stats.jitter"), milliseconds(stats.jitterMs)],
    [t("stats.buffer"), milliseconds(stats.jitterBufferMs)],
    [t("stats.buffer_target"), milliseconds(bufferTargetMs)],
    [t("stats.rtt"), milliseconds(stats.rttMs)],
    [t("stats.freezes"), t("stats.freezes_value", { n: stats.freezes, seconds: seconds(stats.freezeS * 1000) })],
    [t("stats.frames"), n(stats.framesDecoded)],
    [t("stats.dropped"), n(stats.framesDropped)],
    [t("stats.path"), stats.path],
    session,
  ];
}
