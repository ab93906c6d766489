import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NewTraceEvent } from "./events.ts";
import type { Fact } from "./fact.ts";
import { deriveFacts } from "./facts.ts";
import { parseSymbols } from "./symbols.ts";
import { anyEvent } from "./testing/event-arbitrary.ts";
import { gReply } from "./testing/registers.ts";
import { TEST_USER, TraceBuilder } from "./testing/trace-builder.ts";

const symbols = parseSymbols(`ffffffff81000000 T _stext
ffffffff81200bc0 T __sys_listen
ffffffff81200bc0 T sys_listen
ffffffff81200c30 T __x64_sys_listen
ffffffff81200d00 t tcp_rcv.isra.0
ffffffff81200e00 T noreturn_end
ffffffff82000000 D table
`);
const functions = [
  {
    name: "__sys_listen",
    entry: "0xffffffff81200bc0",
    breakpoint: "0xffffffff81200bc8",
    params: [
      { name: "fd", type: "int", bytes: 4, signed: true, register: "rdi" },
      { name: "backlog", type: "int", bytes: 4, signed: true, register: "r12" },
      { name: "flags", type: "unsigned short", bytes: 2, signed: false, register: null },
    ],
  },
];
const opened: NewTraceEvent = {
  type: "connection.opened",
  connection: 1,
  kind: "gdb",
  via: "tcp",
  user: TEST_USER,
  role: "driver",
};
const who = { connection: 1, user: TEST_USER, role: "driver" };

async function factsOf(...events: readonly NewTraceEvent[]): Promise<readonly Fact[]> {
  const trace = new TraceBuilder();
  trace.add(...events);
  const result = await trace.verify();
  expect(result.status).toBe("intact");
  return deriveFacts({ events: result.events, symbols, functions });
}

const packet = (data: string): NewTraceEvent => ({ type: "gdb.packet", connection: 1, data });
const reply = (data: string): NewTraceEvent => ({ type: "gdb.reply", connection: 1, data });
const resumed = (action: "continue" | "step", connection = 1): NewTraceEvent => ({
  type: "machine.resumed",
  connection,
  action,
});
const stopped = (
  registers: Readonly<Record<string, bigint>>,
  text = "T05thread:01;",
  frames: string[] = [],
): NewTraceEvent => ({
  type: "machine.stopped",
  reply: text,
  registers: gReply(registers),
  frames,
});
const refused: NewTraceEvent = { type: "gdb.refused", connection: 1, why: "no" };
const ofKind = (facts: readonly Fact[], kind: Fact["kind"]) => facts.filter((fact) => fact.kind === kind);

describe("facts of a session", () => {
  it("tell who attached and left, and which machines were there", async () => {
    const facts = await factsOf(
      { type: "machine.found", epoch: 1, qemu: "q" },
      opened,
      { type: "connection.closed", connection: 1, why: "gone" },
      { type: "machine.gone", epoch: 1 },
    );
    expect(facts).toEqual([
      { kind: "machine_found", event: 1, t: 1, epoch: 1, saved: false },
      { kind: "attached", event: 2, t: 2, who, to: "gdb", via: "tcp" },
      { kind: "left", event: 3, t: 3, who, from: "gdb", why: "gone" },
      { kind: "machine_gone", event: 4, t: 4, epoch: 1 },
    ]);
  });

  it("tell breakpoints that the machine took, with their function's names", async () => {
    const facts = await factsOf(
      opened,
      ...[packet("Z0,ffffffff81200bc8,1"), reply("OK"), packet("Z1,ffffffff81200bc0,1"), reply("E22")],
      ...[packet("z0,ffffffff81200bc8,1"), reply("OK"), packet("Z2,ffffffff82000008,8"), reply("OK")],
      packet("Z0,ffffffff81200c30,1"),
    );
    expect(facts.slice(1)).toMatchObject([
      {
        kind: "breakpoint_inserted",
        event: 2,
        who,
        breakpoint: "software",
        names: ["__sys_listen", "sys_listen"],
        symbol: { offset: 8 },
      },
      { kind: "breakpoint_removed", event: 6, breakpoint: "software", address: 0xffffffff81200bc8n },
      {
        kind: "breakpoint_inserted",
        event: 8,
        breakpoint: "write",
        size: 8,
        names: [],
        symbol: { name: "table", offset: 8 },
      },
    ]);
  });

  it("tell a stop's function, arguments and callers", async () => {
    const frames = ["ffffffff81200c40", "ffffffff81200d10", "ffffffff81200e00", "10"];
    const at = { rdi: 3n, rsi: 111n, r12: 0xdead_ffff_fffbn };
    const facts = await factsOf(
      stopped({ rip: 0xffffffff81200bc8n, ...at }, "T05", frames),
      stopped({ rip: 0xffffffff81200bc0n, ...at }),
      stopped({ rip: 0xffffffff81200bd0n, ...at }),
      stopped({ rip: 0x1000n }),
    );
    expect(facts).toMatchObject([
      {
        names: ["__sys_listen", "sys_listen"],
        position: "breakpoint",
        arguments: [
          { name: "fd", value: 3n },
          { name: "backlog", value: -5n },
          { name: "flags", value: null },
        ],
        frames: [
          { names: ["__x64_sys_listen"], symbol: { offset: 16 } },
          { names: ["tcp_rcv.isra.0", "tcp_rcv"] },
          // The call was the last instruction of the function before.
          { names: ["tcp_rcv.isra.0", "tcp_rcv"], symbol: { offset: 256 } },
          { address: 0x10n, names: [], symbol: null },
        ],
      },
      { position: "entry", arguments: [{ value: 3n }, { name: "backlog", value: 111n }, { value: 0n }] },
      { position: "inside", arguments: [], names: ["__sys_listen", "sys_listen"] },
      { position: null, symbol: null, names: [], pc: 0x1000n },
    ]);
    expect(ofKind(facts, "stopped")[0]).toMatchObject({ kind: "stopped", signal: 5 });
  });

  it("tell why the machine stopped, and who had set it running", async () => {
    const pc = 0xffffffff81200bc8n;
    const facts = await factsOf(
      opened,
      ...[packet("Z0,ffffffff81200bc8,1"), reply("OK")],
      ...[packet("vCont;c"), resumed("continue"), stopped({ rip: pc }), reply("T05")],
      ...[packet("vCont;s:1"), resumed("step"), stopped({ rip: pc + 1n }), reply("T05")],
      ...[resumed("continue"), stopped({ rip: pc + 1n }, "T02")],
      ...[resumed("continue"), stopped({ rip: pc + 1n }, "T05watch:10;")],
      ...[resumed("continue", 0), stopped({ rip: pc + 1n })],
      { type: "connection.closed", connection: 1, why: "gone" },
      stopped({ rip: pc }),
    );
    expect(ofKind(facts, "stopped")).toMatchObject([
      { cause: "breakpoint", signal: 5, who },
      { cause: "step", who },
      { cause: "interrupt", signal: 2, who },
      { cause: "watchpoint", who },
      { cause: "other", who: null },
      { cause: "other" },
    ]);
  });

  it("tell of a stop without registers no more than is known", async () => {
    const facts = await factsOf({ type: "machine.stopped", reply: "T05", registers: "", frames: [] });
    expect(facts).toMatchObject([
      { kind: "stopped", pc: null, symbol: null, names: [], position: null, arguments: [] },
    ]);
  });

  it("tell reads and writes of registers and memory, and monitor commands", async () => {
    const facts = await factsOf(
      opened,
      ...[packet("g"), reply("00"), packet("mffffffff82000004,8"), reply("0011"), packet("m0,8"), reply("E14")],
      ...[packet("P10=00"), reply("OK"), packet("Mffffffff82000004,1:00"), reply("OK"), packet("P10=00"), reply("E01")],
      ...[packet("qRcmd,696e666f"), reply("O41"), reply("OK"), packet("qRcmd,78"), refused, reply("")],
      ...[packet("D"), reply("OK"), { type: "gdb.interrupt", connection: 1 } as const],
    );
    expect(facts.slice(1)).toMatchObject([
      { kind: "registers_read", event: 2 },
      { kind: "memory_read", event: 4, bytes: 8, symbol: { name: "table", offset: 4 } },
      { kind: "registers_written", event: 8, sure: true },
      { kind: "memory_written", event: 10, sure: true, bytes: 1 },
      { kind: "monitor", event: 14, command: "info", accepted: true },
      { kind: "monitor", event: 17, command: "x", accepted: false },
      { kind: "detached", event: 20 },
      { kind: "interrupted", event: 22 },
    ]);
  });

  it("count a write whose answer is not known as done, but not sure", async () => {
    const crash: NewTraceEvent = { type: "trace.resumed", wall: "2026-03-02T08:00:00Z", cutBytes: 0 };
    expect(ofKind(await factsOf(opened, packet("P10=00"), crash), "registers_written")).toMatchObject([
      { event: 2, sure: false },
    ]);
    expect(ofKind(await factsOf(opened, packet("P10=00")), "registers_written")).toMatchObject([
      { event: 2, sure: false },
    ]);
    const both = await factsOf(opened, packet("P10=00"), packet("g"), reply("E01"), reply("00"));
    expect(ofKind(both, "registers_written")).toMatchObject([{ event: 2, sure: false }]);
  });

  it("take a resume for answered by the stop, by its recorded answer, or by neither", async () => {
    const insert = [packet("Z0,ffffffff81200bc8,1"), reply("OK")];
    const stop = stopped({ rip: 1n });
    for (const between of [[stop, reply("T05")], [reply("T05"), stop], [stop], [reply("T05")], []]) {
      const facts = await factsOf(opened, packet("vCont;c"), ...between, ...insert);
      expect(ofKind(facts, "breakpoint_inserted")).toHaveLength(1);
    }
  });

  it("tell what the near agent answered, and the answers that were given", async () => {
    const noted: NewTraceEvent = {
      type: "gdb.noted",
      connection: 1,
      packets: ["g", "qfThreadInfo", "mffffffff81a00004,8", "qRcmd,78", "Z0,1000,1"],
    };
    const answer: NewTraceEvent = { type: "answer.given", connection: 1, question: "handler", value: "sys_listen" };
    const facts = await factsOf(opened, noted, answer, { type: "seat.taken", connection: 1 });
    expect(facts.slice(1)).toMatchObject([
      { kind: "registers_read", event: 2, who },
      { kind: "memory_read", event: 2, who, bytes: 8, address: 0xffffffff81a00004n },
      { kind: "answered", event: 3, who, question: "handler", value: "sys_listen" },
    ]);
  });

  it("take the end of a range for a step", async () => {
    const range: NewTraceEvent = { type: "machine.resumed", connection: 1, action: "range" };
    const facts = await factsOf(opened, range, stopped({ rip: 1n }));
    expect(facts.slice(1)).toMatchObject([
      { kind: "resumed", action: "step" },
      { kind: "stopped", cause: "step" },
      { kind: "stepped", how: "line", count: 1, event: 3 },
    ]);
  });

  it("tell of steps ahead the stop that the debugger was shown, not the last one", async () => {
    const step: NewTraceEvent = { type: "machine.resumed", connection: 1, action: "step" };
    const last = { ...stopped({ rip: 9n }), steps: 8 } as NewTraceEvent;
    const { registers } = stopped({ rip: 5n }) as Extract<NewTraceEvent, { type: "machine.stopped" }>;
    const back: NewTraceEvent = { type: "machine.rewound", connection: 1, steps: 4, reply: "T05thread:01;", registers };
    const facts = await factsOf(opened, step, last, back);
    expect(facts.slice(1)).toMatchObject([
      { kind: "resumed", action: "step" },
      { kind: "stopped", cause: "step", pc: 5n, event: 4 },
      { kind: "stepped", how: "instruction", count: 4, event: 4 },
    ]);
    // Nobody has stopped since it ran: there is nothing to take back.
    expect((await factsOf(opened, last, step, back)).slice(1).map(({ kind }) => kind)).toEqual(["stopped", "resumed"]);
  });

  it("tell the console's lines, typed and printed", async () => {
    const input = (data: string): NewTraceEvent => ({ type: "console.input", connection: 1, data });
    const facts = await factsOf(opened, input("rep"), input("lyhi\r"), {
      type: "console.output",
      data: "Please input hello...\r\nMenuOS>>",
    });
    expect(facts.slice(1)).toEqual([
      { kind: "console_typed", event: 3, t: 3, who, line: "replyhi" },
      { kind: "console_printed", event: 4, t: 4, line: "Please input hello..." },
    ]);
  });

  it("are in the order of events and the same each time, for any trace", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, { maxLength: 40 }), async (events) => {
        const numbers = (await factsOf(opened, ...events)).map(({ event }) => event);
        expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
        expect(await factsOf(opened, ...events)).toEqual(await factsOf(opened, ...events));
      }),
      { numRuns: 100 },
    );
    expect(deriveFacts({ events: [], symbols, functions })).toEqual([]);
  });
});
