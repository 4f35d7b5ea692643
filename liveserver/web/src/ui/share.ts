/** Hands a link on: the system's share sheet on phones, the clipboard elsewhere. */
export type Shared = "shared" | "copied" | "failed";

export async function share(url: string, title: string): Promise<Shared> {
  if (typeof navigator.share === "function" && matchMedia("(pointer: coarse)").matches) {
    try {
      await navigator.share({ url, title });
      return "shared";
    } catch (reason) {
      if (reason instanceof DOMException && reason.name === "AbortError") return "shared";
    }
  }
  return copy(url);
}

export async function copy(text: string): Promise<Shared> {
  try {
    await navigator.clipboard.writeText(text);
    return "copied";
  } catch {
    return copyBySelection(text);
  }
}

/** Without https there is no clipboard interface; selecting and copying still works. */
function copyBySelection(text: string): Shared {
  const field = document.createElement("textarea");
  field.value = text;
  field.style.position = "fixed";
  field.style.opacity = "0";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done ? "copied" : "failed";
}
