/**
 * One word for how a peer connection is doing. `connectionState` alone does not tell: after
 * the far side closed DTLS, Chromium stays at `disconnected` while the DTLS transport is
 * already `closed`, and that is final. Paths that failed under a DTLS transport that stands are
 * not: an ICE restart finds new ones.
 */
export type Link = "connecting" | "connected" | "interrupted" | "lost";

export function readLink(connection: RTCPeerConnectionState, dtls: readonly RTCDtlsTransportState[]): Link {
  if (connection === "closed" || dtls.some((state) => state === "closed" || state === "failed")) return "lost";
  if (connection === "failed") return dtls.includes("connected") ? "interrupted" : "lost";
  if (connection === "disconnected") return "interrupted";
  return connection === "connected" ? "connected" : "connecting";
}

/** The DTLS transports in use; with BUNDLE it is one. Known once the answer is set. */
function dtlsTransports(connection: RTCPeerConnection): Set<RTCDtlsTransport> {
  const transports = new Set<RTCDtlsTransport>();
  for (const transceiver of connection.getTransceivers()) {
    const transport = transceiver.sender.transport ?? transceiver.receiver.transport;
    if (transport) transports.add(transport);
  }
  return transports;
}

/** Whether the far side has said goodbye: then there is no session left to end. */
export function isEndedByPeer(connection: RTCPeerConnection): boolean {
  return connection.connectionState !== "closed" && [...dtlsTransports(connection)].some(({ state }) => state === "closed");
}

/** Calls `onLink` at each change. Call when the answer is set: before it there are no transports. */
export function watchLink(connection: RTCPeerConnection, onLink: (link: Link) => void): void {
  const transports = dtlsTransports(connection);
  let last: Link | null = null;
  const look = () => {
    const link = readLink(connection.connectionState, [...transports].map((transport) => transport.state));
    if (link === last) return;
    last = link;
    onLink(link);
  };
  connection.addEventListener("connectionstatechange", look);
  for (const transport of transports) transport.addEventListener("statechange", look);
  look();
}
