import { expect, test, vi } from "vitest";
import { watchNetwork } from "../src/protocol/network";

class Info extends EventTarget {
  constructor(public type: string) {
    super();
  }
  become(type: string): void {
    this.type = type;
    this.dispatchEvent(new Event("change"));
  }
}

test("another kind of network is told, another estimate of its speed is not", () => {
  const onChange = vi.fn();
  const info = new Info("wifi");
  watchNetwork(new EventTarget(), info, onChange);
  info.become("wifi");
  expect(onChange).not.toHaveBeenCalled();
  info.become("cellular");
  expect(onChange).toHaveBeenCalledOnce();
  info.become("none");
  expect(onChange).toHaveBeenCalledOnce();
});

test("a network that is there again is told, also by browsers that tell nothing more", () => {
  const onChange = vi.fn();
  const page = new EventTarget();
  watchNetwork(page, undefined, onChange);
  page.dispatchEvent(new Event("online"));
  expect(onChange).toHaveBeenCalledOnce();
});
