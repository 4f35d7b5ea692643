import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import { Icon, type IconName } from "../ui/icon";
import { copy } from "../ui/share";
import type { LevelMeter } from "./level";

/** The microphone's bar; words beside it say the same. */
export function LevelBar({ meter, segments }: { meter: LevelMeter; segments: number }) {
  const lit = Math.round(meter.level.value * segments);
  return (
    <span class="level" role="meter" aria-label={t("studio.level")} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(meter.level.value * 100)}>
      {Array.from({ length: segments }, (_, index) => (
        <i key={index} class={index < lit ? "on" : undefined} />
      ))}
    </span>
  );
}

const HOLD_MS = 2_000;

/** Acts only after being held, by pointer or key; one press never ends a show. */
export function HoldButton(props: { id: string; hint: string; onHeld: () => void; children: ComponentChildren }) {
  const button = useRef<HTMLButtonElement>(null);
  const [startedMs, setStarted] = useState<number | null>(null);

  useEffect(() => {
    if (startedMs === null) return;
    let frame = requestAnimationFrame(function draw() {
      const share = Math.min(1, (performance.now() - startedMs) / HOLD_MS);
      button.current?.style.setProperty("--held", `${share * 100}%`);
      if (share < 1) {
        frame = requestAnimationFrame(draw);
        return;
      }
      setStarted(null);
      props.onHeld();
    });
    return () => {
      cancelAnimationFrame(frame);
      button.current?.style.setProperty("--held", "0%");
    };
  }, [startedMs]);

  const begin = () => setStarted((already) => already ?? performance.now());
  const stop = () => setStarted(null);
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    if (!event.repeat) begin();
  };
  return (
    <button
      ref={button}
      id={props.id}
      class="btn btn--stop hold"
      type="button"
      title={props.hint}
      aria-description={props.hint}
      onPointerDown={(event) => event.button === 0 && begin()}
      onPointerUp={stop}
      onPointerLeave={stop}
      onPointerCancel={stop}
      onKeyDown={onKey}
      onKeyUp={stop}
      onBlur={stop}
      onContextMenu={(event) => event.preventDefault()}
    >
      {props.children}
    </button>
  );
}

export function Notice(props: { level: "bad" | "warn" | "info" | "ok"; icon: IconName; title: string; text: string; code?: string | undefined; children?: ComponentChildren }) {
  return (
    <div class={`notice notice--${props.level}`} role={props.level === "bad" ? "alert" : "status"}>
      <Icon name={props.icon} />
      <b>{props.title}</b>
      <p>{props.text}</p>
      {props.children}
      {props.code && <p class="mono muted">{props.code}</p>}
    </div>
  );
}

/** A command to copy into a terminal. */
export function Command({ text }: { text: string }) {
  const [isCopied, setCopied] = useState(false);
  const onClick = async () => {
    setCopied((await copy(text)) === "copied");
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <p class="command">
      <code>{text}</code>
      <button class="btn btn--small" type="button" onClick={() => void onClick()}>
        <Icon name={isCopied ? "check" : "copy"} />
        <span aria-live="polite">{isCopied ? t("action.copied") : t("action.copy")}</span>
      </button>
    </p>
  );
}

export function CopyButton(props: { text: string; label: string; id?: string }) {
  const [isCopied, setCopied] = useState(false);
  const onClick = async () => {
    setCopied((await copy(props.text)) === "copied");
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <button class="btn" type="button" id={props.id} onClick={() => void onClick()}>
      <Icon name={isCopied ? "check" : "copy"} />
      <span aria-live="polite">{isCopied ? t("action.copied") : props.label}</span>
    </button>
  );
}

export function Segmented<Value extends string>(props: { label: string; value: Value; options: readonly (readonly [Value, string])[]; onChange: (value: Value) => void }) {
  return (
    <div class="segmented" role="group" aria-label={props.label}>
      {props.options.map(([value, text]) => (
        <button key={value} type="button" aria-pressed={props.value === value} data-value={value} onClick={() => props.onChange(value)}>
          {text}
        </button>
      ))}
    </div>
  );
}
