/**
 * SDP fragments of an ICE restart (RFC 8840, RFC 9725 section 4.3.3): our half is cut out of a
 * new offer, the server's half is put into the answer we already have.
 */
export const FRAGMENT_TYPE = "application/trickle-ice-sdpfrag";

const lines = (sdp: string): string[] => sdp.split(/\r?\n/).filter((line) => line !== "");
const isCredential = (line: string) => line.startsWith("a=ice-ufrag:") || line.startsWith("a=ice-pwd:");
const isCandidate = (line: string) => line.startsWith("a=candidate:") || line === "a=end-of-candidates";

/** The first section's transport stands for all: with BUNDLE there is one. */
export function writeFragment(offer: string): string {
  const written: string[] = [];
  let sections = 0;
  for (const line of lines(offer)) {
    if (line.startsWith("m=")) sections += 1;
    if (sections > 1) break;
    const isGroup = sections === 0 && (line.startsWith("a=group:BUNDLE") || line.startsWith("a=ice-options:"));
    const isSection = sections === 1 && (line.startsWith("m=") || line.startsWith("a=mid:") || isCredential(line) || isCandidate(line));
    if (isGroup || isSection) written.push(line);
  }
  return `${written.join("\r\n")}\r\n`;
}

/** The answer with the fragment's credentials and candidates in place of its own; null when the fragment has none. */
export function mergeFragment(answer: string, fragment: string): string | null {
  const given = lines(fragment);
  const credentials = given.filter(isCredential);
  const candidates = given.filter(isCandidate);
  if (credentials.length < 2) return null;
  const merged: string[] = [];
  let isFirstSection = true;
  for (const line of lines(answer)) {
    if (line.startsWith("m=") && merged.some((each) => each.startsWith("m="))) isFirstSection = false;
    if (isCandidate(line)) continue;
    if (!isCredential(line)) merged.push(line);
    // Both lines of a pair become the new pair, written where the first one stood.
    else if (line.startsWith("a=ice-ufrag:")) merged.push(...credentials.slice(0, 2), ...(isFirstSection ? candidates : []));
  }
  return `${merged.join("\r\n")}\r\n`;
}
