/** Texts by key in the language in use; a component that calls `t` is drawn again on a switch. */
import { signal } from "@preact/signals";
import { shared as enShared } from "./en/shared";
import type { home } from "./en/home";
import type { studio } from "./en/studio";
import type { watch } from "./en/watch";
import { formatMessage, formatNumber, type Arguments, type Value } from "./format";
import { shared as zhShared } from "./zh-CN/shared";

type English = typeof enShared & typeof watch & typeof studio & typeof home;
export type Key = keyof English;
export type Language = "zh-CN" | "en";
/** Every language has every key of a page, or the type check fails. */
type Texts<Table> = Readonly<Record<keyof Table, string>>;
export type Shared = Texts<typeof enShared>;
export type Watch = Texts<typeof watch>;
export type Studio = Texts<typeof studio>;
export type Home = Texts<typeof home>;

type Named = Arguments<English[Key]>;
type Given<K extends Key> = [Arguments<English[K]>] extends [never]
  ? []
  : [values: Record<Arguments<English[K]> & Named, Value>];

export const LANGUAGES: readonly { code: Language; name: string }[] = [
  { code: "zh-CN", name: "中文" },
  { code: "en", name: "English" },
];

const tables: Record<Language, Record<string, string>> = { "zh-CN": { ...zhShared }, en: { ...enShared } };

/** Brings a page's own texts in; called once, before anything is drawn, so that no page carries another's. */
export function useTexts(texts: Record<Language, Record<string, string>>): void {
  for (const { code } of LANGUAGES) Object.assign(tables[code], texts[code]);
}

export const language = signal<Language>("zh-CN");

export function t<K extends Key>(key: K, ...[values]: Given<K>): string {
  return formatMessage(tables[language.value][key] ?? key, values ?? {}, language.value);
}

/** Whether a key made at run time, e.g. from a problem's code, has a text. */
export function hasKey(key: string): key is Key {
  return Object.hasOwn(tables.en, key);
}

/** The first wish we can fulfil; Chinese of any kind gets zh-CN, everyone else English. */
export function chooseLanguage(wishes: readonly (string | null)[]): Language {
  for (const wish of wishes) {
    if (!wish) continue;
    const base = wish.toLowerCase().split("-")[0];
    if (base === "zh") return "zh-CN";
    if (base === "en") return "en";
  }
  return "en";
}

export function n(value: number, options: Intl.NumberFormatOptions = {}): string {
  return formatNumber(value, language.value, options);
}

export function dateTime(ms: number, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(language.value, options).format(ms);
}
