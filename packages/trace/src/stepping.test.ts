import { describe, expect, it } from "vitest";
import type { NewTraceEvent } from "./events.ts";
import { attach, CALLER, factsOf, kindOf, LISTEN, packet, prompt, resume, stop } from "./testing/facts-of.ts";

const HERE = LISTEN + 8n;
const RETURN = CALLER + 16n;
const at = (rip: bigint, rsp = 0x1000n, frames: readonly bigint[] = []) =>
  stop({ rip, rsp }, { frames: frames.map((address) => address.toString(16)) });
const breakpoint = (address: bigint) => packet(`Z0,${address.toString(16)},1`);
const gone = (address: bigint) => packet(`z0,${address.toString(16)},1`);

type Nested = NewTraceEvent | readonly Nested[];
const flat = (events: readonly Nested[]): readonly NewTraceEvent[] =>
  events.flatMap((event) => ("type" in event ? [event] : flat(event)));

function steps(...events: readonly Nested[]) {
  const facts = factsOf(flat(events));
  return kindOf(facts, "stepped").map(({ how, count, from, to }) => [how, count, from[0] ?? null, to[0] ?? null]);
}

const arrived = [resume(), at(HERE), prompt];

describe("steps", () => {
  it("by instruction are counted one by one", () => {
    const one = [resume("step"), at(HERE + 1n)];
    expect(steps(arrived, one, prompt)).toEqual([["instruction", 1, "__sys_listen", "__sys_listen"]]);
    expect(steps(arrived, one, one, one, prompt)).toHaveLength(3);
    expect(steps(arrived, resume("step"), at(CALLER), prompt)).toEqual([
      ["instruction", 1, "__sys_listen", "__x64_sys_listen"],
    ]);
  });

  it("over a breakpoint, before the machine goes on, are gdb's own", () => {
    expect(steps(arrived, resume("step"), at(HERE + 1n), resume(), at(CALLER), prompt)).toEqual([]);
  });

  it("that were asked for are the student's though a continue follows", () => {
    expect(steps(arrived, resume("step"), at(HERE + 1n), prompt, resume(), at(CALLER), prompt)).toHaveLength(1);
  });

  it("over a line are one, whatever gdb makes of it", () => {
    const range = [resume("range"), at(HERE + 4n)];
    const line = ["line", 1, "__sys_listen", "__sys_listen"];
    expect(steps(arrived, range, prompt)).toEqual([line]);
    const overACall = [resume("step"), at(LISTEN + 1n), ...breakpoint(HERE), resume(), at(HERE), ...gone(HERE)];
    expect(steps(arrived, range, overACall, range, prompt, range, prompt)).toEqual([line, line]);
  });

  it("out of a function end at a breakpoint where it returns to, which was not there before", () => {
    const out = ["out", 1, "__sys_listen", "__x64_sys_listen"];
    const finish = [...breakpoint(RETURN), resume(), at(RETURN, 0x2000n), ...gone(RETURN), prompt];
    const called = [resume(), at(HERE, 0x1000n, [RETURN]), prompt];
    expect(steps(called, finish)).toEqual([out]);
    // After a step there is no chain of calls: then the stack tells.
    expect(steps(called, resume("step"), at(HERE + 1n), prompt, finish)).toHaveLength(2);
    expect(steps(called, finish, called, finish)).toEqual([out, out]);
    const past = [resume("step"), at(HERE + 1n), finish];
    expect(steps(called, ...past)).toEqual([out]);
  });

  it("out of a function are not a breakpoint elsewhere, one that stood before, or one further down", () => {
    const called = [resume(), at(HERE, 0x1000n, [RETURN]), prompt];
    const other = RETURN + 1n;
    expect(steps(called, breakpoint(other), resume(), at(other, 0x2000n), prompt)).toEqual([]);
    expect(steps(breakpoint(RETURN), called, resume(), at(RETURN, 0x2000n), prompt)).toEqual([]);
    expect(steps(called, breakpoint(RETURN), resume(), at(RETURN, 0x800n), prompt)).toEqual([]);
    expect(steps(called, breakpoint(RETURN), resume(), at(CALLER, 0x2000n), prompt)).toEqual([]);
  });

  it("ahead of the debugger count as often as it asked for them", () => {
    const ahead = stop({ rip: HERE + 8n }, { steps: 8 });
    expect(steps(arrived, resume("step"), ahead, prompt)).toMatchObject([
      ["instruction", 8, "__sys_listen", "__sys_listen"],
    ]);
  });

  it("of a client that never asks for threads end at each stop", () => {
    expect(steps(resume(), at(HERE), resume("step"), at(HERE + 1n), resume(), at(CALLER))).toHaveLength(1);
  });

  it("are asked for near gdb as well, and belong to who took them", () => {
    const noted: NewTraceEvent = { type: "gdb.noted", connection: 1, packets: ["g", "qXfer:threads:read::0,1000"] };
    expect(steps(resume(), at(HERE), noted, resume("step"), at(HERE + 1n), noted, resume(), at(CALLER))).toHaveLength(
      1,
    );
    const facts = factsOf([
      attach(2, "usr_11111111111111111111"),
      resume("step", 2),
      at(HERE),
      resume("step", 0),
      at(HERE),
    ]);
    expect(kindOf(facts, "stepped")).toMatchObject([{ who: { connection: 2 }, event: 4 }]);
  });

  it("that did not end are none", () => {
    expect(steps(arrived, resume("step"))).toEqual([]);
    expect(steps(resume("step", 9), at(HERE))).toEqual([]);
    expect(steps(at(HERE), prompt)).toEqual([]);
  });
});
