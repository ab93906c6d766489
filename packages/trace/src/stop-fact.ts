import { registersOf } from "@ringside/rsp";
import type { Arch } from "@ringside/shared";
import type { BreakpointLedger } from "./breakpoints.ts";
import type { TraceEventOf } from "./events.ts";
import type { Frame, StopCause, StoppedFact, Who } from "./fact.ts";
import type { FunctionTable } from "./functions.ts";
import { stopReply } from "./packets.ts";

/** gdb's numbers of signals. */
const SIGINT = 2;
const SIGTRAP = 5;

const PC = { x86_64: "rip", i386: "eip" } as const satisfies Record<Arch, string>;

/** What was going on when the machine stopped. */
export interface StopContext {
  readonly arch: Arch;
  readonly functions: FunctionTable;
  readonly breakpoints: BreakpointLedger;
  readonly lastResume: { readonly who: Who | null; readonly action: "continue" | "step" } | null;
}

/** Reads where and why the machine stopped from what the cell recorded. */
export function stoppedFact(event: TraceEventOf<"machine.stopped">, context: StopContext): StoppedFact {
  const registers = registersOf(context.arch, event.registers);
  const pc = registers.get(PC[context.arch]) ?? null;
  const place = pc === null ? null : context.functions.at(pc, registers);
  return {
    kind: "stopped",
    event: event.seq,
    t: event.t,
    who: context.lastResume?.who ?? null,
    signal: stopReply(event.reply).signal,
    cause: causeOf(event.reply, pc, context),
    pc,
    symbol: place?.symbol ?? null,
    names: place?.names ?? [],
    position: place?.position ?? null,
    arguments: place?.arguments ?? [],
    frames: event.frames.map((hex) => frameAt(BigInt(`0x${hex}`), context.functions)),
    registers,
  };
}

function frameAt(address: bigint, functions: FunctionTable): Frame {
  const found = functions.ofReturn(address);
  return { address, symbol: found?.symbol ?? null, names: found?.names ?? [] };
}

function causeOf(reply: string, pc: bigint | null, context: StopContext): StopCause {
  const { signal, watch } = stopReply(reply);
  if (watch) return "watchpoint";
  if (signal === SIGINT) return "interrupt";
  if (signal !== SIGTRAP) return "other";
  if (pc !== null && context.breakpoints.stopsAt(pc)) return "breakpoint";
  return context.lastResume?.action === "step" ? "step" : "other";
}
