import { LANGUAGES, language, t } from "../i18n";
import { switchLanguage } from "./page";

/** Each language is named in itself, so that it is found by those who cannot read this one. */
export function LanguageSwitch() {
  return (
    <div class="languages" role="group" aria-label={t("language.label")}>
      {LANGUAGES.map(({ code, name }) => (
        <button key={code} type="button" lang={code} aria-pressed={language.value === code} onClick={() => switchLanguage(code)}>
          {name}
        </button>
      ))}
    </div>
  );
}
