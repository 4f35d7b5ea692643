/** What every page does first: language, address, and the handle for tests. */
import { effect } from "@preact/signals";
import { render, type ComponentChild } from "preact";
import { chooseLanguage, language, type Language } from "../i18n";
import { recall, remember } from "./storage";

export interface Address {
  /** The room in /watch/{room} or /studio/{room}. */
  room: string;
  /** From #token=…, never from the query: fragments stay out of logs. */
  token: string | null;
  query: URLSearchParams;
}

export function readAddress(location: Location = window.location): Address {
  const parts = location.pathname.split("/").filter(Boolean);
  return {
    room: decodeURIComponent(parts[1] ?? ""),
    token: new URLSearchParams(location.hash.slice(1)).get("token"),
    query: new URLSearchParams(location.search),
  };
}

export function startPage(page: ComponentChild): void {
  const stored = recall("language");
  const wishes = [readAddress().query.get("lang"), typeof stored === "string" ? stored : null, ...navigator.languages];
  language.value = chooseLanguage(wishes);
  effect(() => {
    document.documentElement.lang = language.value;
  });
  const root = document.getElementById("app");
  if (root) render(page, root);
}

export function switchLanguage(next: Language): void {
  language.value = next;
  remember("language", next);
  const url = new URL(window.location.href);
  if (!url.searchParams.has("lang")) return;
  // A language in the address would win at the next load.
  url.searchParams.set("lang", next);
  history.replaceState(null, "", url);
}

/** What tests and people with a console may look at; reading it changes nothing. */
export interface DebugHandle {
  readonly pc: RTCPeerConnection | null;
  readonly stats: unknown;
}

declare global {
  interface Window {
    __liveserver?: DebugHandle;
  }
}

export function exposeDebugHandle(handle: { pc: () => RTCPeerConnection | null; stats: () => unknown }): void {
  window.__liveserver = {
    get pc() {
      return handle.pc();
    },
    get stats() {
      return handle.stats();
    },
  };
}
