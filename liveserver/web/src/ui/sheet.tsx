import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n";
import { Icon } from "./icon";

const FOCUSABLE = "button:not(:disabled), a[href], input:not(:disabled), select:not(:disabled), [tabindex='0']";

/** A sheet over the room: takes the focus, keeps it, and gives it back to whoever opened it. */
export function Sheet(props: { name: string; title: string; onClose: () => void; children: ComponentChildren }) {
  const sheet = useRef<HTMLElement>(null);
  const close = useRef(props.onClose);
  close.current = props.onClose;

  useEffect(() => {
    const opener = document.activeElement;
    sheet.current?.querySelector<HTMLElement>(FOCUSABLE)?.focus();
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape") {
        event.stopPropagation();
        close.current();
      }
      if (event.key === "Tab" && sheet.current) keepFocus(sheet.current, event);
    };
    document.addEventListener("keydown", onKey, true);
    return () => {
      document.removeEventListener("keydown", onKey, true);
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);

  return (
    <>
      <div class="backdrop" onClick={props.onClose} />
      <section class="sheet sheet--short" ref={sheet} role="dialog" aria-modal="true" aria-label={props.title} data-sheet={props.name}>
        <header class="sheet__head">
          <h2 class="sheet__title">{props.title}</h2>
          <button class="icon-button icon-button--plain" type="button" aria-label={t("action.close")} onClick={props.onClose}>
            <Icon name="close" />
          </button>
        </header>
        <div class="sheet__body">{props.children}</div>
      </section>
    </>
  );
}

function keepFocus(sheet: HTMLElement, event: KeyboardEvent): void {
  const stops = [...sheet.querySelectorAll<HTMLElement>(FOCUSABLE)];
  const first = stops[0];
  const last = stops[stops.length - 1];
  if (!first || !last) return;
  const leavesBack = event.shiftKey && document.activeElement === first;
  const leavesAhead = !event.shiftKey && document.activeElement === last;
  if (!leavesBack && !leavesAhead) return;
  event.preventDefault();
  (leavesBack ? last : first).focus();
}
