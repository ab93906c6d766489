import type { Arch } from "@ringside/shared";
import type { BreakpointLedger } from "./breakpoints.ts";
import type { TraceEventOf } from "./events.ts";
import type { Frame, Missed, ProgramPlace, StopCause, StoppedFact, UserState, Who } from "./fact.ts";
import type { FunctionTable } from "./functions.ts";
import { MISSED_MAX } from "./limits.ts";
import { modeOf } from "./modes.ts";
import { stopReply } from "./packets.ts";
import { type Places, PROGRAM_COUNTERS } from "./places.ts";
import { RecordedRegisters } from "./recorded-registers.ts";

/** gdb's numbers of signals. */
const SIGINT = 2;
const SIGTRAP = 5;

/** What was going on when the machine stopped. */
export interface StopContext {
  readonly arch: Arch;
  readonly places: Places;
  readonly breakpoints: BreakpointLedger;
  readonly lastResume: { readonly who: Who | null; readonly action: "continue" | "step" } | null;
}

/** A stop as the cell recorded it; `user` where it read the registers that a program entered the kernel with. */
export type RecordedStop = Pick<
  TraceEventOf<"machine.stopped">,
  "seq" | "t" | "reply" | "registers" | "frames" | "misses" | "user"
>;

/** Reads where and why the machine stopped from what the cell recorded. */
export function stoppedFact(event: RecordedStop, context: StopContext): StoppedFact {
  const { arch, places } = context;
  const registers = new RecordedRegisters(arch, event.registers);
  const pc = registers.get(PROGRAM_COUNTERS[arch]) ?? null;
  const place = pc === null ? null : places.functions.at(pc, registers);
  const mode = modeOf(arch, pc, registers);
  const frames = event.frames.map((hex) => frameAt(BigInt(`0x${hex}`), places.functions));
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
    frames,
    registers,
    mode,
    program: pc !== null && mode === "user" ? programAt(pc, places) : null,
    user: userState(event.user, [...(frames.at(-1)?.names ?? []), ...(place?.names ?? [])]),
    missed: missed(pc, context),
    misses: event.misses ?? 0,
  };
}

function frameAt(address: bigint, functions: FunctionTable): Frame {
  const found = functions.ofReturn(address);
  return { address, symbol: found?.symbol ?? null, names: found?.names ?? [] };
}

function programAt(pc: bigint, { program }: Places): ProgramPlace | null {
  const symbol = program?.lookup(pc) ?? null;
  return symbol === null ? null : { names: symbol.aliases, symbol };
}

/**
 * What lies at the top of the stack is pt_regs only where a program called: not in an interrupt's own chain. It is
 * there until the way back takes it off, which only 64-bit calls do in a place of their own.
 */
const SYSTEM_CALL_ENTRY =
  /^(?:entry_(?:SYSCALL|SYSENTER|INT80)|syscall_return_via_sysret|asm_int80_emulation|do_(?:syscall_64|int80_|fast_syscall_32|SYSENTER))/;

function userState(recorded: RecordedStop["user"], outermost: readonly string[]): UserState | null {
  if (recorded === undefined || !outermost.some((name) => SYSTEM_CALL_ENTRY.test(name))) return null;
  const registers = new Map<string, bigint>();
  for (const [name, hex] of Object.entries(recorded.registers)) {
    if (/^[0-9a-f]{1,16}$/.test(hex)) registers.set(name, BigInt(`0x${hex}`));
  }
  return { nr: BigInt(recorded.nr), registers };
}

function missed(pc: bigint | null, { breakpoints, places }: StopContext): readonly Missed[] {
  const found: Missed[] = [];
  for (const { connection, address } of breakpoints.standing()) {
    if (found.length === MISSED_MAX) return found;
    if (address !== pc) found.push({ connection, address, names: places.namesAt(address) });
  }
  return found;
}

function causeOf(reply: string, pc: bigint | null, context: StopContext): StopCause {
  const { signal, watch } = stopReply(reply);
  if (watch) return "watchpoint";
  if (signal === SIGINT) return "interrupt";
  if (signal !== SIGTRAP) return "other";
  if (pc !== null && context.breakpoints.stopsAt(pc)) return "breakpoint";
  return context.lastResume?.action === "step" ? "step" : "other";
}
