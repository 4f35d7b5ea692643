/**
 * The part of ICU MessageFormat the pages need: `{name}`, `{n, number}`, `{n, number, compact}`
 * and `{n, plural, one {# viewer} other {# viewers}}`. Numbers go through Intl.
 */
export type Value = string | number;
export type Values = Record<string, Value>;

/** The argument names of a message, read from its text by the type checker. */
export type Arguments<Text extends string> = Text extends `${string}{${infer Inside}}${infer Rest}`
  ? Name<Inside> | Arguments<Rest>
  : never;
type Name<Inside extends string> = Inside extends `${infer Word},${string}` ? Plain<Word> : Plain<Inside>;
type Plain<Word extends string> = Word extends `${string} ${string}` | `#${string}` | "" ? never : Word;

const numbers = new Map<string, Intl.NumberFormat>();
const plurals = new Map<string, Intl.PluralRules>();

export function formatNumber(value: number, language: string, options: Intl.NumberFormatOptions = {}): string {
  const key = language + JSON.stringify(options);
  let format = numbers.get(key);
  if (!format) numbers.set(key, (format = new Intl.NumberFormat(language, options)));
  return format.format(value);
}

function pluralBranch(value: number, language: string): string {
  let rules = plurals.get(language);
  if (!rules) plurals.set(language, (rules = new Intl.PluralRules(language)));
  return rules.select(value);
}

/** Index of the brace closing the one at `open`. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    if (text[at] === "{") depth += 1;
    if (text[at] === "}" && --depth === 0) return at;
  }
  throw new Error(`unbalanced braces: ${text}`);
}

export function formatMessage(text: string, values: Values, language: string): string {
  let result = "";
  let at = 0;
  for (let open = text.indexOf("{"); open >= 0; open = text.indexOf("{", at)) {
    const close = closing(text, open);
    result += text.slice(at, open) + formatArgument(text.slice(open + 1, close), values, language);
    at = close + 1;
  }
  return result + text.slice(at);
}

function formatArgument(inside: string, values: Values, language: string): string {
  const [name = "", kind = "", ...rest] = inside.split(",");
  const value = values[name.trim()];
  if (value === undefined) return `{${name.trim()}}`;
  if (kind.trim() === "number") {
    const compact: Intl.NumberFormatOptions = { notation: "compact", maximumFractionDigits: 1 };
    return formatNumber(Number(value), language, rest[0]?.trim() === "compact" ? compact : {});
  }
  if (kind.trim() === "plural") return formatPlural(rest.join(","), Number(value), values, language);
  return String(value);
}

function formatPlural(branches: string, value: number, values: Values, language: string): string {
  const found = new Map<string, string>();
  for (let open = branches.indexOf("{"), at = 0; open >= 0; open = branches.indexOf("{", at)) {
    const close = closing(branches, open);
    found.set(branches.slice(at, open).trim(), branches.slice(open + 1, close));
    at = close + 1;
  }
  const branch = found.get(`=${value}`) ?? found.get(pluralBranch(value, language)) ?? found.get("other") ?? "";
  return formatMessage(branch.replaceAll("#", formatNumber(value, language)), values, language);
}
