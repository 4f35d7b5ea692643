import { t } from "../i18n";
import { LanguageSwitch } from "../ui/language_switch";
import { Sheet } from "../ui/sheet";
import type { LayerControl } from "./layers";
import { layerOf, linesOf, type Quality } from "./quality";

interface Size {
  width: number;
  height: number;
}

interface Shown {
  layers: LayerControl;
  /** Of the picture being played. */
  size: Size | null;
  showsStatistics: boolean;
  isStill: boolean;
  onStatistics: (on: boolean) => void;
  onStill: (on: boolean) => void;
  onClose: () => void;
}

export function SettingsSheet(props: Shown) {
  return (
    <Sheet name="settings" title={t("settings.title")} onClose={props.onClose}>
      <QualityPicker layers={props.layers} size={props.size} />
      <ul class="switches">
        <Switch name={t("settings.statistics")} hint={t("settings.statistics_hint")} on={props.showsStatistics} onChange={props.onStatistics} />
        <Switch name={t("settings.still")} hint={t("settings.still_hint")} on={props.isStill} onChange={props.onStill} />
        <li class="switch">
          <b class="switch__text">{t("language.label")}</b>
          <LanguageSwitch />
        </li>
      </ul>
    </Sheet>
  );
}

function Switch(props: { name: string; hint: string; on: boolean; onChange: (on: boolean) => void }) {
  return (
    <li>
      <label class="switch">
        <span class="switch__text">
          <b>{props.name}</b>
          <small>{props.hint}</small>
        </span>
        <input type="checkbox" role="switch" checked={props.on} onChange={(event) => props.onChange(event.currentTarget.checked)} />
      </label>
    </li>
  );
}

/** One choice of what there is; each says what it means in lines. */
function QualityPicker({ layers, size }: { layers: LayerControl; size: Size | null }) {
  const chosen = layers.quality.value;
  const offered = layers.offered.value;
  const shown = offered.includes(chosen) ? offered : [...offered, chosen];
  return (
    <fieldset class="qualities" data-chosen={chosen}>
      <legend class="qualities__title">{t("quality.title")}</legend>
      <div class="qualities__list">
        {shown.map((quality) => (
          <label class="quality" key={quality}>
            <input type="radio" name="quality" value={quality} checked={quality === chosen} onChange={() => layers.choose(quality)} />
            <span class="quality__text">
              <b>{t(`quality.${quality}`)}</b>
              <small>{qualityHint(quality, layers, size)}</small>
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function qualityHint(quality: Quality, layers: LayerControl, size: Size | null): string {
  if (quality === "audio") return t("quality.audio_hint");
  if (quality === "saver") return t("quality.saver_hint");
  if (quality === "auto") {
    const lines = layers.quality.value === "auto" ? layers.currentLines(size) : null;
    return lines === null ? t("quality.auto_hint") : t("quality.now", { lines });
  }
  const lines = linesOf(layerOf(quality, layers.shown.value?.layers ?? [])?.height ?? null, size);
  return lines === null ? t("unit.none") : t("unit.lines", { lines });
}

/** "Auto · 720p": the choice and what comes of it. */
export function qualityText(layers: LayerControl, size: Size | null): string {
  const name = t(`quality.${layers.quality.value}`);
  const lines = layers.quality.value === "audio" || layers.shown.value?.current === null ? null : layers.currentLines(size);
  return lines === null ? name : t("unit.join", { a: name, b: t("unit.lines", { lines }) });
}
