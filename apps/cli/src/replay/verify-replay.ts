import { registersOf } from "@ringside/rsp";
import { type Arch, RingsideError } from "@ringside/shared";
import {
  type ConsoleDifference,
  compareConsole,
  firstRegisterDifference,
  type RegisterDifference,
  type ReplayScript,
  type ReplayStep,
} from "@ringside/trace";
import type { ReplayedSession } from "./replayed-session.ts";

/** Where a replay first differs from the trace. */
type Difference =
  | ({ readonly kind: "register"; readonly seq: number } & RegisterDifference)
  | ({ readonly kind: "console" } & ConsoleDifference)
  /** The replay does not come as far as this event, or the stub does not take its write. */
  | { readonly kind: "course"; readonly seq: number; readonly why: string };

export interface ReplayVerdict {
  readonly epoch: number;
  /** Stops and console bytes that were found equal. */
  readonly stops: number;
  readonly consoleBytes: number;
  /** Writes of the recorded debugger that were made again. */
  readonly writes: number;
  /** Stops that could not be compared, because the trace has no instruction count for them. */
  readonly uncounted: number;
  /** The event since which the trace lacks console output, which was then not compared; null where it has all. */
  readonly consoleLostAt: number | null;
  readonly difference: Difference | null;
}

/**
 * Runs a recorded machine again and compares each stop's registers and all console output with the trace, up to the
 * first difference.
 * @param session freshly opened with the script
 * @throws RingsideError where the machine fails for another reason than the recording
 */
export async function verifyReplay(script: ReplayScript, arch: Arch, session: ReplayedSession): Promise<ReplayVerdict> {
  const { epoch, uncounted, consoleLostAt } = script;
  const counts = { stops: 0, writes: 0, consoleBytes: 0 };
  const verdict = (difference: Difference | null): ReplayVerdict => ({
    ...{ epoch, ...counts, uncounted, consoleLostAt, difference },
  });
  for (const step of script.steps) {
    const difference = await replayStep(step, arch, session);
    if (difference !== null) return verdict(difference);
    counts[step.kind === "stop" ? "stops" : "writes"] += 1;
  }
  const last = script.steps.at(-1)?.seq ?? script.from;
  const ended = await course(last, async () => {
    await session.finish();
    return null;
  });
  if (ended !== null) return verdict(ended);
  const console = await session.machine.console();
  if (!console.whole) {
    throw new RingsideError("trace_damaged", { message: "the replay writes more to its console than can be compared" });
  }
  const { bytes, difference } = compareConsole(script, console.text);
  counts.consoleBytes = bytes;
  return verdict(difference === null ? null : { kind: "console", ...difference });
}

async function replayStep(step: ReplayStep, arch: Arch, session: ReplayedSession): Promise<Difference | null> {
  const { seq, icount } = step;
  return await course(seq, async () => {
    await session.goTo(icount);
    if (step.kind === "stop") return await registerDifference(step, arch, session);
    await session.writeDue(icount, seq + 1);
    return null;
  });
}

async function registerDifference(
  { seq, registers }: Extract<ReplayStep, { kind: "stop" }>,
  arch: Arch,
  session: ReplayedSession,
): Promise<Difference | null> {
  const difference = firstRegisterDifference(arch, registers, await session.registers());
  if (difference === null) return null;
  const pc = registersOf(arch, registers).get(arch === "x86_64" ? "rip" : "eip");
  if (pc === undefined || !(await session.settleAt(pc.toString(16), seq)))
    return { kind: "register", seq, ...difference };
  const settled = firstRegisterDifference(arch, registers, await session.registers());
  return settled === null ? null : { kind: "register", seq, ...settled };
}

/** Does a step of the replay; what the recording is to blame for is a difference. */
async function course(seq: number, act: () => Promise<Difference | null>): Promise<Difference | null> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof RingsideError)) throw error;
    if (error.code === "trace_damaged") return { kind: "course", seq, why: error.message };
    if (error.code !== "machine_gone") throw error;
    // Where its log breaks off or makes no sense, QEMU gives up.
    return { kind: "course", seq, why: "the log ends before this event, or is damaged" };
  }
}

/** A verdict as one line for people. */
export function describeVerdict(verdict: ReplayVerdict): string {
  const { difference, stops, consoleBytes } = verdict;
  if (difference === null) return `bit-exact: ${stops} stops, ${consoleBytes} console bytes`;
  switch (difference.kind) {
    case "register":
      return (
        `event ${difference.seq}: register ${difference.register} was ${difference.recorded} ` +
        `when recorded and is ${difference.replayed} in the replay (as the stub says it)`
      );
    case "console":
      return (
        `event ${difference.seq}: console byte ${difference.byte} on: recorded ` +
        `${JSON.stringify(difference.recorded)}, replayed ${JSON.stringify(difference.replayed)}`
      );
    case "course":
      return `event ${difference.seq}: ${difference.why}`;
    default:
      return difference satisfies never;
  }
}
