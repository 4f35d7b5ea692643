import { afterEach, expect, test } from "vitest";
import { chooseLanguage, language, t, useTexts } from "../src/i18n";
import * as enHome from "../src/i18n/en/home";
import * as enShared from "../src/i18n/en/shared";
import * as enStudio from "../src/i18n/en/studio";
import * as enWatch from "../src/i18n/en/watch";
import { formatMessage } from "../src/i18n/format";
import { home } from "../src/i18n/zh-CN/home";
import { shared } from "../src/i18n/zh-CN/shared";
import { studio } from "../src/i18n/zh-CN/studio";
import { watch } from "../src/i18n/zh-CN/watch";

const english: Record<string, string> = { ...enShared.shared, ...enWatch.watch, ...enStudio.studio, ...enHome.home };
const chinese: Record<string, string> = { ...shared, ...watch, ...studio, ...home };
const inserted = (text: string) => [...new Set([...text.matchAll(/\{(\w+)[,}]/g)].map((match) => match[1]))].sort();

afterEach(() => void (language.value = "zh-CN"));

test("both languages insert the same values", () => {
  for (const key of Object.keys(english)) expect([key, inserted(chinese[key] ?? "")]).toEqual([key, inserted(english[key] ?? "")]);
});

test("both languages have the same keys", () => {
  expect(Object.keys(chinese).sort()).toEqual(Object.keys(english).sort());
});

test("no text is left that no page shows", () => {
  const files = import.meta.glob<string>("../src/{ui,watch,studio,home}/*.{ts,tsx}", { query: "?raw", import: "default", eager: true });
  const sources = Object.values(files).join("\n");
  const templates = [...sources.matchAll(/`([\w.]+)\$\{[^}]+\}([\w.]*)`/g)].map((match) => [match[1] ?? "", match[2] ?? ""] as const);
  const isUsed = (key: string) => sources.includes(`"${key}"`) || templates.some(([head, tail]) => key.startsWith(head) && key.endsWith(tail));
  expect(Object.keys(english).filter((key) => !isUsed(key))).toEqual([]);
});

test("numbers and plurals are written as the language does", () => {
  const text = "{n, plural, =0 {nobody} one {# viewer} other {# viewers}}";
  expect([0, 1, 1_286].map((n) => formatMessage(text, { n }, "en"))).toEqual(["nobody", "1 viewer", "1,286 viewers"]);
  expect(formatMessage("{n, number, compact}", { n: 2_048 }, "en")).toBe("2K");
  expect(formatMessage("{a} and {b}", { a: "{b}", b: 1 }, "en")).toBe("{b} and 1");
});

test("a switch changes the texts", () => {
  useTexts({ en: enWatch.watch, "zh-CN": watch });
  expect(t("watch.delay", { seconds: "0.6" })).toBe("延迟 0.6 秒");
  language.value = "en";
  expect(t("watch.delay", { seconds: "0.6" })).toBe("0.6 s behind");
});

test("the first wish that can be fulfilled wins", () => {
  expect(chooseLanguage(["fr", null, "zh-TW", "en"])).toBe("zh-CN");
  expect(chooseLanguage(["en-GB", "zh-CN"])).toBe("en");
  expect(chooseLanguage(["xx"])).toBe("en");
});
