import { describe, expect, it } from "vitest";
import { AbsenceClock } from "./absence-clock.ts";

const one = { id: "ses_1", epoch: 1 };

function clockAt(graceMs: number, settleMs: number) {
  const time = { ms: 0 };
  return { time, clock: new AbsenceClock(graceMs, settleMs, () => time.ms) };
}

describe("the absence clock", () => {
  it("judges what is missing at every look for the whole grace time", () => {
    const { time, clock } = clockAt(4_000, 0);
    expect(clock.overdue([one])).toEqual([]);
    time.ms = 3_999;
    expect(clock.overdue([one])).toEqual([]);
    time.ms = 4_000;
    expect(clock.overdue([one])).toEqual([one]);
  });

  it("begins anew for what was seen in between, and for another epoch", () => {
    const { time, clock } = clockAt(4_000, 0);
    clock.overdue([one]);
    time.ms = 3_000;
    clock.overdue([]);
    time.ms = 5_000;
    expect(clock.overdue([one])).toEqual([]);
    time.ms = 9_000;
    expect(clock.overdue([{ ...one, epoch: 2 }])).toEqual([]);
  });

  it("judges nothing before it has settled, nor after a restart", () => {
    const { time, clock } = clockAt(1_000, 10_000);
    clock.overdue([one]);
    time.ms = 9_999;
    expect(clock.overdue([one])).toEqual([]);
    time.ms = 10_000;
    expect(clock.overdue([one])).toEqual([one]);
    clock.restart();
    time.ms = 15_000;
    expect(clock.overdue([one])).toEqual([]);
  });
});
