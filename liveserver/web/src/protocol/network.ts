/** Tells when this device's way to the network has changed: another one, or one again. */

/** The part of NetworkInformation (WICG netinfo) that counts; missing in Firefox and Safari. */
export interface ConnectionInfo extends EventTarget {
  readonly type?: string;
  readonly saveData?: boolean;
}

/** `change` also tells of mere estimates of speed, many times a minute: only another type is another network. */
export function watchNetwork(page: EventTarget, connection: ConnectionInfo | undefined, onChange: () => void): void {
  page.addEventListener("online", onChange);
  let type = connection?.type;
  connection?.addEventListener("change", () => {
    if (connection.type === type) return;
    type = connection.type;
    // Without any network there is nobody to ask; `online` will come.
    if (type !== "none") onChange();
  });
}

export function browserConnection(): ConnectionInfo | undefined {
  return (navigator as Navigator & { connection?: ConnectionInfo }).connection;
}
