import type { Arch } from "@ringside/shared";
import { Decoder, DecoderOptions, FlowControl, type Instruction, Mnemonic, OpKind, Register } from "iced-x86";
import { PROLOGUE_INSTRUCTIONS_MAX } from "../limits.ts";

/**
 * Where a function begins, its return address is still the last thing on the stack. gcc does not always begin with
 * `push rbp; mov rbp,rsp`: it puts other instructions before and between, and leaves the frame out where a path does
 * not need one. So the path that falls through is followed until it sets up its frame, or returns without one.
 */
const REGISTERS = {
  x86_64: { bits: 64, stack: Register.RSP, frame: Register.RBP },
  i386: { bits: 32, stack: Register.ESP, frame: Register.EBP },
} as const satisfies Record<Arch, unknown>;

/** They do not change their first operand. */
const READS_ONLY: ReadonlySet<Mnemonic> = new Set([Mnemonic.Cmp, Mnemonic.Test]);

/**
 * How many pointers stand on the stack above the return address of the function that the processor is in: 0 where the
 * stack was not touched since the call, 1 between the two instructions that set up a frame.
 * @param code what the processor executes next, as far as it is known
 * @returns null where the frame is set up already, or that cannot be told
 */
export function pushedSinceCall(arch: Arch, code: Uint8Array): 0 | 1 | null {
  const decoder = new Decoder(REGISTERS[arch].bits, code, DecoderOptions.None);
  try {
    let hasPushed = false;
    for (let n = 0; n < PROLOGUE_INSTRUCTIONS_MAX && decoder.canDecode; n += 1) {
      const instruction = decoder.decode();
      const what = whatOf(arch, instruction);
      instruction.free();
      if (what === "other" || (what === "pushes frame" && hasPushed)) return null;
      // ftrace's own comes before all else; behind another there may be another function's code.
      if (what === "calls" && n > 1) return null;
      if (what === "sets frame") return hasPushed ? 0 : 1;
      if (what === "returns") return hasPushed ? null : 0;
      if (what === "pushes frame") hasPushed = true;
    }
    return null;
  } finally {
    decoder.free();
  }
}

type What = "pushes frame" | "sets frame" | "calls" | "returns" | "leaves the stack alone" | "other";

function whatOf(arch: Arch, instruction: Instruction): What {
  const { stack, frame } = REGISTERS[arch];
  const { mnemonic, flowControl, op0Kind, op0Register, op1Kind, op1Register } = instruction;
  if (instruction.isInvalid) return "other";
  const isOfFrame = op0Kind === OpKind.Register && op0Register === frame;
  if (mnemonic === Mnemonic.Push && isOfFrame) return "pushes frame";
  if (mnemonic === Mnemonic.Mov && isOfFrame && op1Kind === OpKind.Register && op1Register === stack) {
    return "sets frame";
  }
  if (flowControl === FlowControl.Return) return mnemonic === Mnemonic.Ret ? "returns" : "other";
  if (flowControl === FlowControl.Call) return "calls";
  const fallsThrough = flowControl === FlowControl.Next || flowControl === FlowControl.ConditionalBranch;
  return fallsThrough && !movesStack(instruction, arch) ? "leaves the stack alone" : "other";
}

/** As far as code that a compiler made does. */
function movesStack({ mnemonic, op0Kind, op0Register, stackPointerIncrement }: Instruction, arch: Arch): boolean {
  const { stack, frame } = REGISTERS[arch];
  if (stackPointerIncrement !== 0 || mnemonic === Mnemonic.Leave || mnemonic === Mnemonic.Enter) return true;
  const isEither = op0Kind === OpKind.Register && (op0Register === stack || op0Register === frame);
  return isEither && !READS_ONLY.has(mnemonic);
}
