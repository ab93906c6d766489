import { REGISTER_LAYOUTS, type RegisterArch } from "@ringside/rsp";
import type { ConsolePiece, ReplayScript } from "./replay-script.ts";

/** Both values as they stand in the `g` replies: hex, in the target's byte order; empty where that side lacks it. */
export interface RegisterDifference {
  readonly register: string;
  readonly recorded: string;
  readonly replayed: string;
}

/** The first register in which two `g` replies differ; null where they are the same to the digit. */
export function firstRegisterDifference(
  arch: RegisterArch,
  recorded: string,
  replayed: string,
): RegisterDifference | null {
  if (recorded === replayed) return null;
  for (const { name, offset, bytes } of REGISTER_LAYOUTS[arch]) {
    const [was, is] = [recorded, replayed].map((reply) => reply.slice(2 * offset, 2 * (offset + bytes)));
    if (was !== is) return { register: name, recorded: was ?? "", replayed: is ?? "" };
  }
  return {
    register: "(their number)",
    recorded: `${recorded.length / 2} bytes`,
    replayed: `${replayed.length / 2} bytes`,
  };
}

/** `recorded` and `replayed`: what stands there, one character per byte; empty where that side has ended. */
export interface ConsoleDifference {
  /** The event that holds the byte, or the last one where the recording has ended. */
  readonly seq: number;
  /** From the console's beginning. */
  readonly byte: number;
  readonly recorded: string;
  readonly replayed: string;
}

/** So much of either side is shown. */
const SHOWN_CHARS = 40;

export interface ConsoleComparison {
  /** Bytes that were compared. */
  readonly bytes: number;
  readonly difference: ConsoleDifference | null;
}

/**
 * Compares what a replay wrote to the console with what the trace has, up to where the trace lacks some.
 * @param replayed one character per byte, from the machine's start
 */
export function compareConsole(script: ReplayScript, replayed: string): ConsoleComparison {
  const { console, consoleLostAt } = script;
  const kept = console.filter(({ seq }) => consoleLostAt === null || seq < consoleLostAt);
  const recorded = kept.map(({ data }) => data).join("");
  const other = consoleLostAt === null ? replayed : replayed.slice(0, recorded.length);
  if (recorded === other) return { bytes: recorded.length, difference: null };
  let byte = 0;
  while (byte < recorded.length && recorded[byte] === other[byte]) byte += 1;
  const shown = (text: string) => text.slice(byte, byte + SHOWN_CHARS);
  const difference = { seq: eventAt(kept, byte) ?? script.to, byte, recorded: shown(recorded), replayed: shown(other) };
  return { bytes: byte, difference };
}

function eventAt(pieces: readonly ConsolePiece[], byte: number): number | undefined {
  let end = 0;
  for (const { seq, data } of pieces) {
    end += data.length;
    if (byte < end) return seq;
  }
  return pieces.at(-1)?.seq;
}
