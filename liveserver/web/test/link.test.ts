import { expect, test } from "vitest";
import { readLink, watchLink, type Link } from "../src/protocol/link";
import { FakeConnection } from "./support/fakes";

test("a closed DTLS transport is final while the connection is only disconnected", () => {
  expect(readLink("disconnected", ["closed"])).toBe("lost");
  expect(readLink("connected", ["failed"])).toBe("lost");
});

test("a disconnected connection with DTLS up may heal", () => {
  expect(readLink("disconnected", ["connected"])).toBe("interrupted");
  expect(readLink("connected", ["connected"])).toBe("connected");
  expect(readLink("connecting", ["new"])).toBe("connecting");
  expect(readLink("failed", [])).toBe("lost");
  expect(readLink("failed", ["connected"])).toBe("interrupted");
});

test("each change is told once, whichever of the two transports it comes from", () => {
  const connection = new FakeConnection();
  connection.addTransceiver("video");
  const links: Link[] = [];
  watchLink(connection as unknown as RTCPeerConnection, (link) => links.push(link));
  connection.become("connecting");
  connection.transport.change("connected");
  connection.become("connected");
  connection.transport.change("closed");
  connection.become("disconnected");
  expect(links).toEqual(["connecting", "connected", "lost"]);
});
