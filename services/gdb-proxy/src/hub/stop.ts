import { registersOf } from "@ringside/rsp";
import type { Arch } from "@ringside/shared";
import type { Conversation } from "./conversation.ts";
import { returnAddresses } from "./frames.ts";

/** What is recorded with a Stop: the `g` reply, and return addresses innermost first. */
export interface StopDescription {
  readonly registers: string;
  readonly frames: readonly string[];
}

/**
 * Reads what a Stop is recorded with.
 * @param stepped the stop ended a single step: then only the registers, to keep stepping cheap
 */
export function* describeStop(arch: Arch, stepped: boolean): Conversation<StopDescription> {
  const reply = yield "g";
  if (!/^(?:[0-9a-fx]{2})+$/.test(reply)) return { registers: "", frames: [] };
  return { registers: reply, frames: stepped ? [] : yield* returnAddresses(arch, registersOf(arch, reply)) };
}
