/** Small choices kept in this browser; everything works without them (private windows, full disks). */
export function remember(key: string, value: unknown): void {
  try {
    localStorage.setItem(`liveserver.${key}`, JSON.stringify(value));
  } catch {
    // Not kept: the next visit starts from the defaults.
  }
}

export function recall(key: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(`liveserver.${key}`) ?? "null");
  } catch {
    return null;
  }
}
