import { t } from "../i18n";
import { LanguageSwitch } from "../ui/language_switch";
import { Sheet } from "../ui/sheet";

interface Shown {
  showsStatistics: boolean;
  isStill: boolean;
  onStatistics: (on: boolean) => void;
  onStill: (on: boolean) => void;
  onClose: () => void;
}

export function SettingsSheet(props: Shown) {
  return (
    <Sheet name="settings" title={t("settings.title")} onClose={props.onClose}>
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
