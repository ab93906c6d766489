import { newId } from "@ringside/shared";
import { describe, expect, test } from "vitest";
import type { NewTraceEvent, TraceEvent } from "./events.ts";
import { type ReplayScript, replayScripts } from "./replay-script.ts";
import { compareConsole, firstRegisterDifference } from "./replay-script-compare.ts";

const TEMPLATE = "a".repeat(64);
const numbered = (events: readonly NewTraceEvent[]): TraceEvent[] =>
  events.map((event, seq) => ({ ...event, seq, t: seq }) as TraceEvent);
const found = (epoch: number, template?: string): NewTraceEvent => ({
  ...{ type: "machine.found", epoch, qemu: "QEMU 7.2" },
  ...(template !== undefined && { template }),
});
const stopped = (icount: number | undefined, registers = "00"): NewTraceEvent => ({
  ...{ type: "machine.stopped", reply: "T05thread:01;", registers, frames: [] },
  ...(icount !== undefined && { icount }),
});
const output = (data: string): NewTraceEvent => ({ type: "console.output", data });
const written = (icount: number, data: string): NewTraceEvent => ({ type: "machine.written", icount, data });

describe("the scripts of a trace", () => {
  test("each recorded machine has its stops and writes in order, its console and its log", () => {
    const kept: NewTraceEvent = {
      ...{ type: "recording.kept", epoch: 2, sha256: "b".repeat(64), bytes: 9, template: TEMPLATE, whole: true },
    };
    const scripts = replayScripts(
      numbered([
        ...[found(1), stopped(5), { type: "machine.gone", epoch: 1 } as const],
        ...[found(2, TEMPLATE), output("a"), stopped(10), written(10, "P0=01"), output("b"), stopped(undefined), kept],
      ]),
    );
    expect(scripts).toEqual([
      {
        ...{ epoch: 2, template: TEMPLATE, consoleLostAt: null, uncounted: 1, from: 3, to: 8 },
        steps: [
          { kind: "stop", seq: 5, icount: 10, registers: "00" },
          { kind: "write", seq: 6, icount: 10, data: "P0=01" },
        ],
        console: [
          { seq: 4, data: "a" },
          { seq: 7, data: "b" },
        ],
        recording: { ...kept, seq: 9, t: 9 },
      },
    ]);
  });

  test("a recorder that was away goes on with the same machine, and its console counts as cut there", () => {
    const [script] = replayScripts(
      numbered([found(1, TEMPLATE), stopped(1), found(1, TEMPLATE), stopped(2), output("late")]),
    );
    expect(script?.steps.map(({ icount }) => icount)).toEqual([1, 2]);
    expect(script?.consoleLostAt).toBe(2);
  });

  test("a log of another template is not the machine's", () => {
    const kept = { epoch: 1, sha256: "b".repeat(64), bytes: 9, template: "c".repeat(64), whole: true };
    const [script] = replayScripts(numbered([found(1, TEMPLATE), { type: "recording.kept", ...kept }]));
    expect(script?.recording).toBeNull();
  });

  test("events of people belong to no machine", () => {
    const events: NewTraceEvent[] = [
      { type: "connection.opened", connection: 1, kind: "gdb", via: "tcp", user: newId("usr"), role: "driver" },
    ];
    expect(replayScripts(numbered(events))).toEqual([]);
  });
});

describe("comparing a replay", () => {
  const zeros = "0".repeat(608 * 2);

  test("the first register that differs is named with both values", () => {
    expect(firstRegisterDifference("x86_64", zeros, zeros)).toBeNull();
    const other = `${zeros.slice(0, 16 * 16)}0100000000000000${zeros.slice(17 * 16)}`;
    expect(firstRegisterDifference("x86_64", zeros, other)).toEqual({
      ...{ register: "rip", recorded: "0".repeat(16), replayed: "0100000000000000" },
    });
  });

  test("registers that one side lacks are a difference", () => {
    expect(firstRegisterDifference("x86_64", zeros, zeros.slice(0, -2))).toMatchObject({ register: "mxcsr" });
    expect(firstRegisterDifference("x86_64", zeros, `${zeros}00`)).toMatchObject({ replayed: "609 bytes" });
  });

  const script = (consoleLostAt: number | null): ReplayScript => ({
    ...{ epoch: 1, template: TEMPLATE, steps: [], uncounted: 0, recording: null, from: 0, to: 9, consoleLostAt },
    console: [
      { seq: 3, data: "Menu" },
      { seq: 5, data: "OS>>" },
    ],
  });

  test("the console is compared to the byte, and the event of the first other byte is named", () => {
    expect(compareConsole(script(null), "MenuOS>>")).toEqual({ bytes: 8, difference: null });
    expect(compareConsole(script(null), "MenuOs>>").difference).toEqual({
      ...{ seq: 5, byte: 5, recorded: "S>>", replayed: "s>>" },
    });
  });

  test("more or less output than recorded is a difference", () => {
    expect(compareConsole(script(null), "MenuOS>>more").difference).toMatchObject({ byte: 8, replayed: "more" });
    expect(compareConsole(script(null), "Menu").difference).toMatchObject({ byte: 4, seq: 5, replayed: "" });
  });

  test("from where the trace lacks output on, nothing is compared", () => {
    expect(compareConsole(script(5), "Menu and whatever")).toEqual({ bytes: 4, difference: null });
    expect(compareConsole(script(5), "Men").difference).toMatchObject({ byte: 3 });
  });
});
