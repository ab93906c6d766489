import assert from "node:assert/strict";
import { REGISTER_LAYOUTS } from "@ringside/rsp";
import type { Conversation } from "../conversation.ts";
import type { AheadLog, WrittenBytes } from "./log.ts";
import { readStub, writeStub } from "./memory-shadow.ts";

/** What steps have changed, and how it was before them. */
interface Changed {
  /** In the order in which it was written. */
  readonly written: readonly WrittenBytes[];
  /** `g` replies. */
  readonly now: string;
  readonly before: string;
}

/**
 * Puts registers and memory back to how they were, and reads them again.
 * @returns false where they are not as they were: then it is not known how the machine stands
 */
export function* putBack({ written, now, before }: Changed): Conversation<boolean> {
  for (const { address, before: bytes } of written.toReversed()) {
    if (!(yield* writeStub(address, bytes))) return false;
  }
  for (const [number, value] of differentRegisters(now, before)) {
    if ((yield `P${number.toString(16)}=${value}`) !== "OK") return false;
  }
  if ((yield "g") !== before) return false;
  for (const piece of written) {
    const there = yield* readStub(piece.address, piece.before.length);
    if (there === null || !isAsBefore(piece, there, written)) return false;
  }
  return true;
}

/** Of bytes that were written several times, what stood there before the first is what must stand there. */
function isAsBefore({ physical, before }: WrittenBytes, there: Uint8Array, written: readonly WrittenBytes[]): boolean {
  const expected = Uint8Array.from(before);
  for (const other of written.toReversed()) {
    for (const [i, byte] of other.before.entries()) {
      const at = other.physical + BigInt(i) - physical;
      if (at >= 0n && at < expected.length) expected[Number(at)] = byte;
    }
  }
  return Buffer.compare(expected, there) === 0;
}

/** How the machine stands after it was taken back. */
interface Back {
  readonly isExact: boolean;
  readonly stop: string;
  /** The `g` reply; empty where it could not be read. */
  readonly registers: string;
}

/** Takes the machine back to where it stood after the first `took` steps of a log. */
export function* takeBack({ steps }: AheadLog, took: number): Conversation<Back> {
  const [last, target] = [steps.at(-1), steps[took - 1]];
  assert(last !== undefined && target !== undefined, "a step of the log");
  const written = steps.slice(took).flatMap((step) => step.written);
  const { stop, registers } = target;
  if (yield* putBack({ written, now: last.registers, before: registers })) return { isExact: true, stop, registers };
  const there = yield "g";
  return { isExact: false, stop, registers: /^(?:[0-9a-fx]{2})+$/.test(there) ? there : "" };
}

/** Registers that differ: number as in `p`, value as the second reply has it. */
export function differentRegisters(from: string, to: string): ReadonlyArray<readonly [number, string]> {
  const different: [number, string][] = [];
  for (const [number, { offset, bytes }] of REGISTER_LAYOUTS.x86_64.entries()) {
    const [start, end] = [2 * offset, 2 * (offset + bytes)];
    const value = to.slice(start, end);
    if (from.slice(start, end) !== value) different.push([number, value]);
  }
  return different;
}
