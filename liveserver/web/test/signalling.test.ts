import { expect, test } from "vitest";
import { postOffer, sessionId } from "../src/protocol/signalling";
import { FakeServer, refused } from "./support/fakes";

test("the session's address is resolved against the endpoint", async () => {
  const server = new FakeServer([() => new Response("answer", { status: 201, headers: { Location: "../whep/demo/abc" } })]);
  const offered = await postOffer("offer", { fetch: server.fetch, endpoint: "https://host/whep/demo", token: null });
  expect(offered).toEqual({ answer: "answer", sessionUrl: "https://host/whep/demo/abc" });
  expect(sessionId("https://host/whep/demo/abc?x=1")).toBe("abc");
});

test("only 201 is an answer", async () => {
  const settings = { endpoint: "https://host/whep/demo", token: "t" };
  await expect(postOffer("o", { ...settings, fetch: new FakeServer([() => new Response("<html>", { status: 200 })]).fetch })).rejects.toThrow("http_200");
  await expect(postOffer("o", { ...settings, fetch: new FakeServer([refused(422, "unsupported_codec")]).fetch })).rejects.toThrow("unsupported_codec");
});
