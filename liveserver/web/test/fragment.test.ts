import { expect, test } from "vitest";
import { mergeFragment, writeFragment } from "../src/protocol/fragment";

const sdp = (...lines: string[]) => `${lines.join("\r\n")}\r\n`;
const OFFER = sdp(
  "v=0", "o=- 1 2 IN IP4 127.0.0.1", "a=group:BUNDLE 0 1", "a=msid-semantic: WMS",
  "m=video 9 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=ice-ufrag:abcd", "a=ice-pwd:0123456789012345678901", "a=fingerprint:sha-256 AA", "a=mid:0", "a=candidate:1 1 udp 1 192.0.2.7 4000 typ host",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=ice-ufrag:abcd", "a=ice-pwd:0123456789012345678901", "a=mid:1",
);
const ANSWER = sdp(
  "v=0", "a=ice-lite",
  "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:0", "a=ice-ufrag:old", "a=ice-pwd:oldoldoldoldoldoldoldold", "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host", "a=end-of-candidates", "a=sendonly",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:1", "a=ice-ufrag:old", "a=ice-pwd:oldoldoldoldoldoldoldold", "a=sendonly",
);
const FRAGMENT = sdp("a=ice-lite", "m=video 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", "a=ice-ufrag:new", "a=ice-pwd:newnewnewnewnewnewnewnew", "a=candidate:2 1 udp 9 198.51.100.1 6000 typ host", "a=end-of-candidates");

test("a fragment is the offer's transport and nothing else", () => {
  expect(writeFragment(OFFER)).toBe(
    sdp("a=group:BUNDLE 0 1", "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=ice-ufrag:abcd", "a=ice-pwd:0123456789012345678901", "a=mid:0", "a=candidate:1 1 udp 1 192.0.2.7 4000 typ host"),
  );
});

test("an answer takes the fragment's credentials in every section and its candidates in the first", () => {
  expect(mergeFragment(ANSWER, FRAGMENT)).toBe(
    sdp(
      "v=0", "a=ice-lite",
      "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:0", "a=ice-ufrag:new", "a=ice-pwd:newnewnewnewnewnewnewnew", "a=candidate:2 1 udp 9 198.51.100.1 6000 typ host", "a=end-of-candidates", "a=sendonly",
      "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:1", "a=ice-ufrag:new", "a=ice-pwd:newnewnewnewnewnewnewnew", "a=sendonly",
    ),
  );
});

test("a fragment without credentials is none", () => {
  expect(mergeFragment(ANSWER, sdp("a=ice-lite"))).toBeNull();
});
