import { expect, test } from "vitest";
import { orderCodecs } from "../src/protocol/whip";

const codec = (name: string, sdpFmtpLine = "") => ({ mimeType: `video/${name}`, clockRate: 90_000, sdpFmtpLine });
const all = [
  codec("VP8"),
  codec("rtx"),
  codec("H264", "packetization-mode=0;profile-level-id=42e01f"),
  codec("H264", "packetization-mode=1;profile-level-id=640c1f"),
  codec("H264", "packetization-mode=1;profile-level-id=42e01f"),
  codec("VP9"),
];

test("the wanted codec comes first and none is left out", () => {
  const ordered = orderCodecs(all, "VP9");
  expect(ordered[0]?.mimeType).toBe("video/VP9");
  expect(ordered).toHaveLength(all.length);
});

test("of H.264 the constrained baseline in packetization mode 1 comes first, which every phone decodes", () => {
  const lines = orderCodecs(all, "h264").map((each) => each.sdpFmtpLine);
  expect(lines.slice(0, 3)).toEqual([all[4]?.sdpFmtpLine, all[3]?.sdpFmtpLine, all[2]?.sdpFmtpLine]);
});

test("an unknown codec leaves the browser's order", () => {
  expect(orderCodecs(all, "H265")).toEqual(all);
});
