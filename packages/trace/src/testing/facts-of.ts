import type { FunctionRow, StructureRow } from "@ringside/shared";
import { type NewTraceEvent, TRACE_VERSION, type TraceEvent } from "../events.ts";
import type { Fact, FactKind, FactOf } from "../fact.ts";
import { deriveFacts, type FactsInput } from "../facts.ts";
import { parseSymbols } from "../symbols.ts";
import { gReply } from "./registers.ts";
import { TEST_USER, testHeader } from "./trace-builder.ts";

/** A small kernel and a session in it, event by event, without a trace around it. Connection 1 is gdb. */
export const CALLER = 0xffffffff81200c30n;
export const LISTEN = 0xffffffff81200bc0n;
export const SYMBOLS = parseSymbols(`ffffffff81000000 T _stext
ffffffff81200b00 T __sys_bind
ffffffff81200bc0 T __sys_listen
ffffffff81200bc0 T sys_listen
ffffffff81200c30 T __x64_sys_listen
ffffffff81200d00 T inet_listen
ffffffff81400040 T entry_SYSCALL_64_after_hwframe
ffffffff81400116 t syscall_return_via_sysret
ffffffff82000000 D inet_stream_ops
ffffffff82000400 D jiffies
`);
export const PROGRAM = parseSymbols("0000000000401000 T main\n0000000000401100 T listen\n");
const param = (name: string, register: string, type = "int", bytes = 4) => ({
  ...{ name, type, bytes, signed: bytes === 4, register },
});
export const FUNCTIONS: readonly FunctionRow[] = [
  {
    ...{ name: "__sys_listen", entry: "0xffffffff81200bc0", breakpoint: "0xffffffff81200bc0" },
    params: [param("fd", "rdi"), param("backlog", "rsi")],
  },
  {
    ...{ name: "inet_listen", entry: "0xffffffff81200d00", breakpoint: "0xffffffff81200d00" },
    params: [param("sock", "rdi", "struct socket *", 8), param("backlog", "rsi")],
  },
];
export const STRUCTURES: readonly StructureRow[] = [
  {
    ...{ name: "socket", bytes: 128 },
    members: [
      { name: "type", offset: 4, bytes: 2 },
      { name: "sk", offset: 24, bytes: 8, pointsTo: "sock" },
      { name: "ops", offset: 32, bytes: 8, pointsTo: "proto_ops" },
      { name: "wq.flags", offset: 64, bytes: 64 },
    ],
  },
  { ...{ name: "sock", bytes: 8_192 }, members: [{ name: "sk_backlog", offset: 8_184, bytes: 4 }] },
  {
    ...{ name: "proto_ops", bytes: 232 },
    members: [{ name: "listen", offset: 96, bytes: 8 }],
    instances: ["inet_stream_ops"],
  },
];

export const attach = (connection = 1, user = TEST_USER): NewTraceEvent => ({
  ...{ type: "connection.opened", connection, kind: "gdb", via: "tcp", user, role: "driver" },
});
export const packet = (data: string, reply = "OK", connection = 1): readonly NewTraceEvent[] => [
  { type: "gdb.packet", connection, data },
  { type: "gdb.reply", connection, data: reply },
];
export const prompt = packet("qfThreadInfo", "m1");
export const resume = (action: "continue" | "step" | "range" = "continue", connection = 1): NewTraceEvent => ({
  ...{ type: "machine.resumed", connection, action },
});
export const stop = (
  registers: Readonly<Record<string, bigint>>,
  more: Partial<Extract<NewTraceEvent, { type: "machine.stopped" }>> = {},
): NewTraceEvent => ({
  type: "machine.stopped",
  reply: "T05thread:01;",
  registers: gReply(registers),
  frames: [],
  ...more,
});

/** The facts of these events behind an opening and gdb's coming, which are numbers 0 and 1. */
export function factsOf(events: readonly NewTraceEvent[], more: Partial<FactsInput> = {}): readonly Fact[] {
  const opened: NewTraceEvent = {
    ...{ type: "trace.opened", version: TRACE_VERSION, wall: "2026-03-02T08:00:00.000Z" },
    ...testHeader(),
  };
  const all = [opened, attach(), ...events].map((event, seq) => ({ seq, t: seq, ...event }) as TraceEvent);
  return deriveFacts({ events: all, symbols: SYMBOLS, functions: FUNCTIONS, structures: STRUCTURES, ...more });
}

export function kindOf<K extends FactKind>(facts: readonly Fact[], kind: K): readonly FactOf<K>[] {
  return facts.filter((fact): fact is FactOf<K> => fact.kind === kind);
}
