import type { FunctionRow, GradeResult, Parameters, StructureRow } from "@ringside/shared";
import { parseSymbols } from "@ringside/trace";
import { gReply } from "../../../trace/src/testing/registers.ts";
import { TEST_KEYS, TraceBuilder, type TraceHeader, testHeader } from "../../../trace/src/testing/trace-builder.ts";
import { type GradeInput, gradeTrace } from "../grade.ts";
import type { Rubric } from "../rubric.ts";

/** A small kernel, and a session of net-listen in it, told event by event. */
export const LISTEN = 0xffffffff81200bc0n;
export const LISTEN_WRAPPER = 0xffffffff81200c30n;
export const SYSTEM_MAP = `ffffffff81000000 T _stext
ffffffff81000b50 T x64_sys_call
ffffffff81001a50 T ia32_sys_call
ffffffff81200000 T __sys_bind
ffffffff81200bc0 T __sys_listen
ffffffff81200bc0 T sys_listen
ffffffff81200c30 T __x64_sys_listen
ffffffff81200c50 T __ia32_sys_listen
ffffffff81200d00 T __sys_accept4
ffffffff81200e00 t __do_sys_socketcall
ffffffff81200f00 T inet_listen
ffffffff81201000 t tcp_rcv.isra.0
ffffffff8130b570 T do_syscall_64
ffffffff8130b5c0 T do_int80_emulation
ffffffff81400040 T entry_SYSCALL_64
ffffffff81400061 T entry_SYSCALL_64_after_hwframe
ffffffff81400100 T kernel_thread_helper
ffffffff82000000 D data
ffffffff82000100 D inet_stream_ops
`;
export const SYMBOLS = parseSymbols(SYSTEM_MAP);

export const INET_LISTEN = 0xffffffff81200f00n;
/** Symbols of the lab's program. */
export const PROGRAM = parseSymbols("0000000000401000 T main\n0000000000401100 T listen\n");

const int = (name: string, register: string) => ({ name, type: "int", bytes: 4, signed: true, register });
export const FUNCTIONS: readonly FunctionRow[] = [
  {
    name: "__sys_listen",
    entry: "0xffffffff81200bc0",
    breakpoint: "0xffffffff81200bc0",
    params: [int("fd", "rdi"), int("backlog", "rsi")],
  },
  {
    name: "inet_listen",
    entry: "0xffffffff81200f00",
    breakpoint: "0xffffffff81200f00",
    params: [
      { name: "sock", type: "struct socket *", bytes: 8, signed: false, register: "rdi" },
      int("backlog", "rsi"),
    ],
  },
];
export const STRUCTURES: readonly StructureRow[] = [
  {
    name: "socket",
    bytes: 128,
    members: [
      { name: "type", offset: 4, bytes: 2 },
      { name: "ops", offset: 32, bytes: 8, pointsTo: "proto_ops" },
    ],
  },
  {
    name: "proto_ops",
    bytes: 232,
    members: [{ name: "listen", offset: 96, bytes: 8 }],
    instances: ["inet_stream_ops"],
  },
];

/** Return addresses of a system call from a 64-bit program. */
export const FROM_SYSCALL = ["ffffffff81200c40", "ffffffff81000c00", "ffffffff8130b5a0", "ffffffff814000c5"];
export const INSTRUCTOR = "usr_11111111111111111111";

/** Writes down what a student did. Connections: 1 is gdb, 2 the console. */
export class Scenario {
  readonly trace: TraceBuilder;
  readonly header: TraceHeader;

  /** @param machine how its first machine began, where not fresh */
  constructor(header: Partial<TraceHeader> = {}, machine: { readonly from?: "state" | "hibernated" } = {}) {
    this.header = testHeader(header);
    this.trace = new TraceBuilder(this.header);
    this.trace.add({ type: "machine.found", epoch: 1, qemu: "QEMU 7.2", ...machine });
  }

  attach(user = this.header.user): this {
    const role = user === this.header.user ? "driver" : "instructor";
    this.trace.add({ type: "connection.opened", connection: 1, kind: "gdb", via: "websocket", user, role });
    return this;
  }

  leave(): this {
    this.trace.add({ type: "connection.closed", connection: 1, why: "client" });
    return this;
  }

  packet(data: string, reply: string | null = "OK"): this {
    this.trace.packet(1, data, reply);
    return this;
  }

  breakpoint(address = LISTEN): this {
    return this.packet(`Z0,${address.toString(16)},1`);
  }

  resume(action: "continue" | "step" = "continue", connection = 1): this {
    if (connection !== 0) this.packet(action === "step" ? "vCont;s:1" : "vCont;c", null);
    this.trace.add({ type: "machine.resumed", connection, action });
    return this;
  }

  type(text: string, user = this.header.user): this {
    this.trace.add({
      type: "connection.opened",
      connection: 2,
      kind: "console",
      via: "websocket",
      user,
      role: "driver",
    });
    for (const data of `${text}\r`) this.trace.add({ type: "console.input", connection: 2, data });
    this.trace.add({ type: "connection.closed", connection: 2, why: "client" });
    return this;
  }

  stop({ pc = LISTEN, backlog = 17n, fd = 3n, frames = FROM_SYSCALL, reply = "T05thread:01;" } = {}): this {
    const registers = gReply({ rip: pc, rdi: fd, rsi: backlog });
    this.trace.add({ type: "machine.stopped", reply, registers, frames: [...frames] });
    this.trace.add({ type: "gdb.reply", connection: 1, data: reply });
    return this;
  }

  /** gdb asks for the threads when it has shown a stop. */
  prompt(): this {
    return this.packet("qfThreadInfo", "m1");
  }

  /** A single step to there. */
  step(pc = LISTEN + 4n): this {
    return this.resume("step").stop({ pc, frames: [] }).prompt();
  }

  /** A stop with any registers. */
  stopWith(registers: Readonly<Record<string, bigint>>, frames = FROM_SYSCALL, reply = "T05thread:01;"): this {
    this.trace.add({ type: "machine.stopped", reply, registers: gReply(registers), frames: [...frames] });
    this.trace.add({ type: "gdb.reply", connection: 1, data: reply });
    return this;
  }

  read(address: bigint, bytes: number, reply: string): this {
    return this.packet(`m${address.toString(16)},${bytes.toString(16)}`, reply);
  }

  /** Packets that the near agent answered. */
  noted(...packets: readonly string[]): this {
    this.trace.add({ type: "gdb.noted", connection: 1, packets: [...packets] });
    return this;
  }

  answer(question: string, value: string): this {
    this.trace.add({ type: "answer.given", connection: 1, question, value });
    return this;
  }

  print(line: string): this {
    this.trace.add({ type: "console.output", data: `${line}\r\n` });
    return this;
  }

  detach(): this {
    this.packet("D");
    return this.resume("continue", 0).leave();
  }

  /** The machine ends, and one of this epoch is there: a fresh one where it is higher than before. */
  fresh(epoch: number): this {
    this.trace.add(
      { type: "machine.gone", epoch: Math.max(1, epoch - 1) },
      { type: "machine.found", epoch, qemu: "QEMU 7.2" },
    );
    return this;
  }

  /** The whole lab, as it should be done. */
  static complete(header: Partial<TraceHeader> = {}, backlog = 17n): Scenario {
    return new Scenario(header).attach().breakpoint().resume().type("replyhi").stop({ backlog }).detach();
  }

  /** What grading is given of it, sealed. */
  async input(rubric: Rubric, given: Partial<GradeInput> = {}): Promise<GradeInput> {
    const { session, lab, image, parameters } = this.header;
    const trace = await this.trace.seal().verify();
    return {
      trace,
      rubric,
      rubricDigest: "a".repeat(64),
      traceDigest: this.trace.expectedSeal.digest,
      symbols: SYMBOLS,
      functions: FUNCTIONS,
      structures: STRUCTURES,
      program: PROGRAM,
      expected: { session, lab, image, parameters: parameters as Parameters, sealKeys: TEST_KEYS },
      ...given,
    };
  }

  async grade(rubric: Rubric, given: Partial<GradeInput> = {}): Promise<GradeResult> {
    return gradeTrace(await this.input(rubric, given));
  }
}
