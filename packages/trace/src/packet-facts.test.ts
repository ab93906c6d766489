import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NewTraceEvent } from "./events.ts";
import { anyEvent } from "./testing/event-arbitrary.ts";
import { CALLER, factsOf, kindOf, LISTEN, PROGRAM, packet, prompt, resume, stop } from "./testing/facts-of.ts";

const KERNEL = { cs: 0x10n, rsp: 0xffff888000004f00n };
const at = (rip: bigint, more: Readonly<Record<string, bigint>> = {}) => stop({ rip, ...KERNEL, ...more });
const noted = (...packets: string[]): NewTraceEvent => ({ type: "gdb.noted", connection: 1, packets });

describe("what packets tell", () => {
  it("is which registers were read and written", () => {
    const events = [
      ...packet("g", "00"),
      ...packet("p7", "00"),
      ...packet("P0=00"),
      ...packet("P10=00"),
      ...packet("G00"),
    ];
    const facts = factsOf([...events, ...packet("Pffff=00"), noted("g")]);
    expect(kindOf(facts, "registers_read").map(({ registers, told }) => [registers, told])).toEqual([
      [null, false],
      [["rsp"], false],
      [null, true],
    ]);
    expect(kindOf(facts, "registers_written").map(({ registers, jumped }) => [registers, jumped])).toEqual([
      [["rax"], false],
      [["rip"], true],
      [null, true],
      [[], false],
    ]);
  });

  it("is a jump where a resume has an address", () => {
    const facts = factsOf([...packet(`c${LISTEN.toString(16)}`, ""), resume(), at(LISTEN)]);
    expect(kindOf(facts, "registers_written")).toEqual([]);
    const done: NewTraceEvent = { type: "gdb.packet", connection: 1, data: `c${LISTEN.toString(16)}` };
    expect(kindOf(factsOf([done, resume(), at(LISTEN)]), "registers_written")).toMatchObject([
      { registers: ["rip"], jumped: true, sure: true },
    ]);
  });

  it("is what was read, whether from the stack, and whether somebody asked for it", () => {
    const stack = "mffff888000004f08,8";
    const value = "1122000000000000";
    const facts = factsOf([
      ...[resume(), at(LISTEN), ...packet(stack, value), ...prompt, ...packet(stack, value), noted(stack)],
      ...[...packet("mffffffff82000408,4", "01000000"), resume(), ...packet(stack, value)],
    ]);
    expect(
      kindOf(facts, "memory_read").map(({ value, onStack, asked, told }) => [value, onStack, asked, told]),
    ).toEqual([
      [0x2211n, true, false, false],
      [0x2211n, true, true, false],
      [null, true, true, true],
      [1n, false, true, false],
      [0x2211n, false, true, false],
    ]);
    expect(kindOf(facts, "memory_read")[3]?.symbol).toMatchObject({ name: "jiffies", offset: 8 });
  });

  it("is whether code was written", () => {
    const facts = factsOf([...packet(`M${LISTEN.toString(16)},1:cc`), ...packet("Mffffffff82000408,1:00")]);
    expect(kindOf(facts, "memory_written").map(({ isCode }) => isCode)).toEqual([true, false]);
  });
});

describe("what stops tell", () => {
  it("is which breakpoints stood and were not hit", () => {
    const set = [LISTEN, CALLER].flatMap((address) => packet(`Z0,${address.toString(16)},1`));
    const watch = packet("Z2,ffffffff82000400,8");
    const facts = factsOf([
      ...set,
      ...watch,
      resume(),
      at(CALLER),
      ...packet(`z0,${LISTEN.toString(16)},1`),
      resume(),
      at(1n),
    ]);
    expect(kindOf(facts, "stopped").map(({ missed }) => missed.map(({ names }) => names[0]))).toEqual([
      ["__sys_listen"],
      ["__x64_sys_listen"],
    ]);
  });

  it("is how often conditions did not hold", () => {
    const facts = factsOf([resume(), stop({ rip: LISTEN }, { misses: 12 }), resume(), at(LISTEN)]);
    expect(kindOf(facts, "stopped").map(({ misses }) => misses)).toEqual([12, 0]);
  });

  it("is who ran, by place and privilege together, and where in the lab's program", () => {
    const events = [
      at(LISTEN),
      stop({ rip: 0x401104n, cs: 0x33n }),
      stop({ rip: 0x401104n, cs: 0x10n }),
      stop({ rip: LISTEN, cs: 0x33n }),
    ];
    const facts = factsOf([...packet("Z0,401100,1"), ...events], { program: PROGRAM });
    expect(kindOf(facts, "stopped").map(({ mode, program }) => [mode, program?.symbol.name])).toEqual([
      ["kernel", undefined],
      ["user", "listen"],
      [null, undefined],
      [null, undefined],
    ]);
    expect(kindOf(facts, "breakpoint_inserted")[0]?.names).toEqual(["listen"]);
  });

  it("is what a program entered the kernel with, where its call is what goes on", () => {
    const user = { nr: 50, registers: { rdi: "3", rsi: "ffffffffffffffff", bad: "x" } };
    const entered: NewTraceEvent = Object.assign(stop({ rip: LISTEN }, { frames: ["ffffffff81400050"] }), { user });
    const interrupt: NewTraceEvent = Object.assign(stop({ rip: LISTEN }, { frames: ["ffffffff81200c40"] }), { user });
    const back = 0xffffffff81400116n;
    const leaving: NewTraceEvent = Object.assign(stop({ rip: back }), { user });
    const [first, second, third] = kindOf(factsOf([entered, interrupt, leaving]), "stopped");
    expect(first?.user).toEqual({
      nr: 50n,
      registers: new Map([
        ["rdi", 3n],
        ["rsi", 0xffff_ffff_ffff_ffffn],
      ]),
    });
    expect(second?.user).toBeNull();
    expect(third?.user?.nr).toBe(50n);
  });

  it("is a machine's beginning, and whether from a saved state", () => {
    const found = (from: "state" | "hibernated"): NewTraceEvent => ({
      type: "machine.found",
      epoch: 1,
      qemu: "q",
      from,
    });
    const facts = factsOf([found("state"), found("hibernated")]);
    expect(kindOf(facts, "machine_found").map(({ saved }) => saved)).toEqual([true, false]);
  });
});

it("any events, between those of a session, give facts in order, and the same each time", () => {
  const session = fc.constantFrom<readonly NewTraceEvent[]>(
    [resume("step"), at(LISTEN), ...prompt],
    [resume(), at(0xffffffff81200d00n, { rdi: 0xffff888000400f00n })],
    packet("mffff888000400f00,80", "ff".repeat(128)),
    packet(`Z0,${CALLER.toString(16)},1`),
    packet("X1000,1:}", "E14"),
    [noted("g", "mffff888000400f00,ffffffff", "qXfer:threads:read::0,1")],
  );
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          session,
          anyEvent.map((event) => [event]),
        ),
        { maxLength: 40 },
      ),
      (parts) => {
        const events = parts.flat();
        const facts = factsOf(events, { program: PROGRAM });
        const numbers = facts.map(({ event }) => event);
        expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
        expect(factsOf(events, { program: PROGRAM })).toEqual(facts);
      },
    ),
    { numRuns: 200 },
  );
});
