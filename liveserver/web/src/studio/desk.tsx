import { hasKey, t } from "../i18n";
import { Icon, type IconName } from "../ui/icon";
import { bitrate, milliseconds, percent } from "../ui/values";
import { CopyButton, Notice } from "./parts";
import { DevicePickers, QualityPicker } from "./preflight";
import { ServerNotice } from "./problems";
import type { StudioSession } from "./session";
import { warnings, type Warning, type WarningName } from "./warnings";

/** Right of the picture: the connection, the devices, the links, and warnings at the bottom. */
export function Desk({ session }: { session: StudioSession }) {
  return (
    <aside class="desk">
      <Connection session={session} />
      <section class="desk__part">
        <h2>{t("studio.devices")}</h2>
        <DevicePickers capture={session.capture} />
        <QualityPicker capture={session.capture} />
      </section>
      <section class="desk__part">
        <h2>{t("studio.links")}</h2>
        <div class="row wrap">
          <CopyButton id="copy-watch" text={session.watchUrl} label={t("studio.copy_watch")} />
          <a class="btn btn--quiet" href={session.watchUrl} target="_blank" rel="noopener">
            {t("studio.watch_page")}
          </a>
        </div>
        <p class="mono muted small break">{session.watchUrl}</p>
      </section>
      <Warnings session={session} />
    </aside>
  );
}

function Connection({ session }: { session: StudioSession }) {
  const stats = session.stats.value;
  const limitation = `limit.${stats?.limitation ?? "none"}`;
  const size = stats?.width && stats.height ? t("unit.size", { width: stats.width, height: stats.height }) : t("unit.none");
  const fps = stats?.framesPerSecond ? t("unit.fps", { value: Math.round(stats.framesPerSecond) }) : null;
  const codec = stats?.videoCodec ?? session.encoder.value?.codec ?? null;
  const encoder = stats?.encoder && codec ? t("unit.join", { a: codec, b: stats.encoder }) : codec;
  return (
    <section class="desk__part">
      <h2>{t("studio.connection")}</h2>
      <Chart values={session.uplink.value} ceiling={session.maxUplinkBps} label={t("studio.connection_chart", { rate: bitrate(stats?.bitrateBps ?? null) })} />
      <dl class="facts">
        <Fact term={t("studio.sent_picture")} value={fps ? t("unit.join", { a: size, b: fps }) : size} />
        <Fact term={t("studio.layers")} value={stats ? t("studio.layers_sent", { n: stats.layers }) : t("unit.none")} />
        <Fact term={t("studio.encoder")} value={encoder ?? t("unit.none")} />
        <Fact term={t("studio.round_trip")} value={milliseconds(stats?.rttMs ?? null)} />
        <Fact term={t("studio.limited_by")} value={hasKey(limitation) ? t(limitation as "limit.none") : t("limit.other")} />
      </dl>
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

const WIDTH = 320;
const HEIGHT = 64;
const POINTS = 60;

/** The uplink's last minute; the dashed line is the most the chosen picture may take. */
function Chart({ values, ceiling, label }: { values: readonly number[]; ceiling: number; label: string }) {
  const top = Math.max(ceiling * 1.15, ...values);
  const x = (index: number) => (WIDTH * (POINTS - values.length + index + 1)) / POINTS;
  const y = (value: number) => HEIGHT - (HEIGHT * value) / top;
  const line = values.map((value, index) => `${index === 0 ? "M" : "L"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  return (
    <svg class="chart" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label} preserveAspectRatio="none">
      <path class="limit" d={`M0 ${y(ceiling).toFixed(1)}H${WIDTH}`} />
      {values.length > 1 && <path class="area" d={`${line}L${WIDTH} ${HEIGHT}L${x(0).toFixed(1)} ${HEIGHT}Z`} />}
      <path class="line" d={line} />
      <path class="grid" d={`M0 ${HEIGHT}H${WIDTH}`} />
    </svg>
  );
}

const ICONS: Record<WarningName, IconName> = {
  reconnecting: "offline",
  camera_stopped: "cameraOff",
  microphone_stopped: "micOff",
  silent: "micOff",
  muted: "micOff",
  uplink: "offline",
  loss: "signal",
  cpu: "alert",
  token: "clock",
};

function Warnings({ session }: { session: StudioSession }) {
  const { capture } = session;
  const stats = session.stats.value;
  const phase = session.phase.value;
  const heardAtMs = capture.meter.heardAtMs.value;
  const tokenEndS = session.claims?.exp;
  const found = warnings({
    isPaused: session.isPaused.value,
    isReconnecting: phase === "reconnecting" || phase === "interrupted",
    isMuted: capture.isMuted.value,
    isCameraOff: capture.isCameraOff.value,
    cameraStopped: capture.cameraStopped.value,
    microphoneStopped: capture.microphoneStopped.value,
    silentMs: Math.min(session.connectedMs, performance.now() - (heardAtMs ?? 0)),
    bitrateBps: stats?.bitrateBps ?? null,
    maxBitrateBps: session.maxUplinkBps,
    connectedMs: session.connectedMs,
    limitation: stats?.limitation ?? null,
    loss: stats?.loss ?? null,
    tokenLeftMs: tokenEndS === undefined ? null : tokenEndS * 1000 - session.now(),
  });
  const problem = session.problem.value;
  return (
    <section class="alerts" aria-label={t("warnings.title")}>
      {problem && phase === "live" && <ServerNotice session={session} problem={problem} />}
      {found.map((warning) => (
        <OneWarning key={warning.name} warning={warning} session={session} />
      ))}
      {found.length === 0 && !problem && (
        <p class="row small muted">
          <Icon name="ok" size="sm" />
          {t("warnings.none")}
        </p>
      )}
    </section>
  );
}

function OneWarning({ warning, session }: { warning: Warning; session: StudioSession }) {
  const stopped = ({ camera_stopped: "video", microphone_stopped: "audio" } as const)[warning.name as "camera_stopped"];
  return (
    <Notice level={warning.level} icon={ICONS[warning.name]} title={warningTitle(warning.name, session)} text={t(`warning.${warning.name}.text`)}>
      {stopped && (
        <div class="row wrap">
          <button class="btn" type="button" onClick={() => void session.capture.reopen(stopped)}>
            {t("warning.reopen")}
          </button>
        </div>
      )}
    </Notice>
  );
}

function warningTitle(name: WarningName, session: StudioSession): string {
  switch (name) {
    case "uplink":
      return t("warning.uplink.title", { rate: bitrate(session.stats.value?.bitrateBps ?? null) });
    case "loss":
      return t("warning.loss.title", { share: percent(session.stats.value?.loss ?? null) });
    case "token":
      return t("warning.token.title", { minutes: Math.max(0, Math.round(((session.claims?.exp ?? 0) * 1000 - session.now()) / 60_000)) });
    default:
      return t(`warning.${name}.title`);
  }
}
