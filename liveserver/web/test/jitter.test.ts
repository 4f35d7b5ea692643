import { expect, test } from "vitest";
import { JitterControl } from "../src/protocol/jitter";
import type { LineCounts } from "../src/protocol/stats";

const START: LineCounts = { received: 0, lost: 0, nacks: 0, freezes: 0, rttMs: 80 };

/** A line looked at twice a second. */
class Line {
  readonly control = new JitterControl();
  private counts = START;
  private atMs = 0;

  constructor(private readonly rttMs = 80) {
    this.pass({}, 0.5);
  }

  /** Lets seconds pass with these counts per look; 100 packets come in each unless said otherwise. */
  pass(growth: Partial<LineCounts>, seconds: number): number {
    for (let look = 0; look < 2 * seconds; look += 1) {
      const { counts } = this;
      const grown = (key: keyof LineCounts, usual = 0) => (counts[key] ?? 0) + (growth[key] ?? usual);
      this.counts = { received: grown("received", 100), lost: grown("lost"), nacks: grown("nacks"), freezes: grown("freezes"), rttMs: this.rttMs };
      this.atMs += 500;
      this.control.read(this.counts, this.atMs);
    }
    return this.control.value;
  }

  reconnect(): void {
    this.counts = START;
    this.control.restart();
  }
}

test("a clean line needs no buffer", () => {
  expect(new Line().pass({}, 60)).toBe(0);
});

test("little loss, or a packet or two, is left to the browser", () => {
  expect(new Line().pass({ lost: 2 }, 20)).toBe(0);
  expect(new Line().pass({ received: 10, lost: 1 }, 0.5)).toBe(0);
});

test("loss raises the target at the first look, by round trip and loss", () => {
  expect(new Line(20).pass({ lost: 5 }, 0.5)).toBe(220);
  expect(new Line(80).pass({ lost: 5 }, 0.5)).toBe(430);
  expect(new Line(80).pass({ lost: 25 }, 0.5)).toBe(500);
});

test("the target stays between 200 and 500 ms", () => {
  expect(new Line(1).pass({ lost: 5 }, 0.5)).toBe(200);
  expect(new Line(400).pass({ lost: 5 }, 0.5)).toBe(500);
});

test("requests tell of loss where packets sent again count as received", () => {
  expect(new Line(20).pass({ nacks: 5 }, 0.5)).toBe(220);
});

test("a freeze while losing asks for all there is, one without loss for nothing", () => {
  expect(new Line(20).pass({ lost: 5, freezes: 1 }, 0.5)).toBe(500);
  expect(new Line(20).pass({ freezes: 1 }, 10)).toBe(0);
});

test("while a line loses the target only grows", () => {
  const line = new Line(20);
  line.pass({ lost: 25 }, 2);
  const raised = line.control.value;
  expect(line.pass({ lost: 5 }, 60)).toBe(raised);
});

test("the target is kept for 20 s after the last loss and then taken back in steps", () => {
  const line = new Line(80);
  line.pass({ lost: 25 }, 5);
  expect(line.pass({}, 19.5)).toBe(500);
  expect(line.pass({}, 0.5)).toBe(400);
  expect(line.pass({}, 4.5)).toBe(400);
  expect(line.pass({}, 0.5)).toBe(300);
  expect(line.pass({}, 5)).toBe(200);
  expect(line.pass({}, 5)).toBe(0);
});

test("loss on the way down raises it again at once", () => {
  const line = new Line(80);
  line.pass({ lost: 25 }, 5);
  line.pass({}, 28);
  expect(line.control.value).toBeLessThan(500);
  expect(line.pass({ lost: 200 }, 0.5)).toBe(500);
});

test("what an outage took is not loss", () => {
  const line = new Line();
  line.pass({ received: 0 }, 3);
  expect(line.pass({ lost: 300, nacks: 20, freezes: 1 }, 0.5)).toBe(0);
  expect(line.pass({}, 5)).toBe(0);
});

test("another connection over the same line starts with the target of the last", () => {
  const line = new Line();
  line.pass({ lost: 25 }, 2);
  line.reconnect();
  expect(line.pass({ lost: 500 }, 0.5)).toBe(500);
  expect(line.pass({}, 15)).toBe(500);
});
