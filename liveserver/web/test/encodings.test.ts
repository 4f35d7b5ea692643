import { expect, test } from "vitest";
import { chooseEncodings, layerBitrate, totalBitrate, type SentPicture } from "../src/protocol/encodings";

const encodings = (change: Partial<SentPicture> = {}) => chooseEncodings({ videoCodec: "VP8", shortSide: 720, maxBitrateBps: 2_500_000, maxFramesPerSecond: 30, ...change });
const names = (change: Partial<SentPicture>) => encodings(change).map(({ rid }) => rid);

test("720p is sent in three sizes, the smallest first", () => {
  expect(encodings().map(({ rid, scaleResolutionDownBy, maxBitrate, scalabilityMode }) => [rid, scaleResolutionDownBy, maxBitrate, scalabilityMode])).toEqual([
    ["l", 4, 150_000, "L1T1"],
    ["m", 2, 600_000, "L1T1"],
    ["h", 1, 2_500_000, "L1T1"],
  ]);
  expect(totalBitrate(encodings())).toBe(3_250_000);
});

test("layers exist only where they show something", () => {
  expect(names({ videoCodec: "H264", shortSide: 1080 })).toEqual(["l", "m", "h"]);
  expect(names({ shortSide: 540 })).toEqual(["m", "h"]);
  for (const alone of [{ shortSide: 480 }, { shortSide: null }, { videoCodec: "VP9" }, { videoCodec: "AV1" }]) expect(encodings(alone)).toEqual([{ maxBitrate: 2_500_000, maxFramerate: 30 }]);
});

test("a layer's share follows the whole", () => {
  expect(["l", "m", "h", undefined].map((rid) => layerBitrate(rid, 1_000_000))).toEqual([60_000, 240_000, 1_000_000, 1_000_000]);
});
