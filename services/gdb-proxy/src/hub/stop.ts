import { registersOf } from "@ringside/rsp";
import type { Arch } from "@ringside/shared";
import type { Conversation } from "./conversation.ts";
import { runsLinux } from "./early-boot.ts";
import { returnAddresses } from "./frames.ts";
import { instructionCount } from "./instruction-count.ts";
import { type UserRegisters, userRegisters } from "./user-registers.ts";

/** What is recorded with a Stop: the `g` reply, and return addresses innermost first. */
export interface StopDescription {
  readonly registers: string;
  readonly frames: readonly string[];
  /** What a program entered the kernel with; null where the machine does not stand in a program's call. */
  readonly user: UserRegisters | null;
  /** In a recorded machine, where QEMU says it. */
  readonly icount: number | null;
}

export interface StopContext {
  readonly arch: Arch;
  readonly recording: boolean;
  /** The stop ended a single step: then frames are left out, to keep stepping cheap. */
  readonly stepped: boolean;
}

/** Reads what a Stop is recorded with. */
export function* describeStop({ arch, recording, stepped }: StopContext): Conversation<StopDescription> {
  const icount = recording ? yield* instructionCount() : null;
  const reply = yield "g";
  if (!/^(?:[0-9a-fx]{2})+$/.test(reply)) return { registers: "", frames: [], user: null, icount };
  if (stepped) return { registers: reply, frames: [], user: null, icount };
  const registers = registersOf(arch, reply);
  if (!runsLinux(arch, registers)) return { registers: reply, frames: [], user: null, icount };
  const frames = yield* returnAddresses(arch, registers);
  return { registers: reply, frames, user: yield* userRegisters(arch, registers), icount };
}
