import {
  Decoder,
  DecoderOptions,
  FlowControl,
  type Instruction,
  InstructionInfoFactory,
  MemorySize,
  MemorySizeExt,
  Mnemonic,
  OpAccess,
  OpKind,
  Register,
  RegisterExt,
  type UsedMemory,
  type UsedRegister,
} from "iced-x86";

/** Memory that an instruction touches: base + index × scale + displacement, all of 64 bits. */
interface Operand {
  /** gdb's names; null where there is none. */
  readonly segmentBase: "fs_base" | "gs_base" | null;
  readonly base: string | null;
  readonly index: string | null;
  readonly scale: number;
  readonly displacement: bigint;
  readonly bytes: number;
  readonly writes: boolean;
}

/** How to tell that the instruction was carried out, and no exception came in its place. */
type Outcome =
  /** The program counter is one of these. */
  | { readonly kind: "goes to"; readonly places: readonly bigint[] }
  /** It goes wherever a register or memory says; the stack pointer has moved by so much. */
  | { readonly kind: "moves the stack"; readonly by: bigint };

export type Decoded =
  /** All that it changes are general registers, flags, the program counter, and the memory that it writes. */
  | { readonly kind: "plain"; readonly outcome: Outcome; readonly operands: readonly Operand[] }
  /** Not to be taken back. */
  | { readonly kind: "other" };

/**
 * Integer instructions of every x86_64 that cannot fault but by the memory they touch. Division is none of them, nor
 * what repeats, nor PAUSE, at which QEMU leaves its loop.
 */
const PLAIN: ReadonlySet<Mnemonic> = new Set([
  ...[Mnemonic.Mov, Mnemonic.Movzx, Mnemonic.Movsx, Mnemonic.Movsxd, Mnemonic.Lea, Mnemonic.Xchg, Mnemonic.Bswap],
  ...[Mnemonic.Add, Mnemonic.Adc, Mnemonic.Sub, Mnemonic.Sbb, Mnemonic.Inc, Mnemonic.Dec, Mnemonic.Neg, Mnemonic.Cmp],
  ...[Mnemonic.And, Mnemonic.Or, Mnemonic.Xor, Mnemonic.Not, Mnemonic.Test, Mnemonic.Imul, Mnemonic.Mul],
  ...[Mnemonic.Shl, Mnemonic.Sal, Mnemonic.Shr, Mnemonic.Sar, Mnemonic.Rol, Mnemonic.Ror, Mnemonic.Rcl, Mnemonic.Rcr],
  ...[Mnemonic.Shld, Mnemonic.Shrd, Mnemonic.Bsf, Mnemonic.Bsr],
  ...[Mnemonic.Bt, Mnemonic.Bts, Mnemonic.Btr, Mnemonic.Btc],
  ...[Mnemonic.Cbw, Mnemonic.Cwde, Mnemonic.Cdqe, Mnemonic.Cwd, Mnemonic.Cdq, Mnemonic.Cqo],
  ...[Mnemonic.Push, Mnemonic.Pop, Mnemonic.Pushfq, Mnemonic.Leave, Mnemonic.Xadd, Mnemonic.Cmpxchg],
  ...[Mnemonic.Nop, Mnemonic.Endbr64, Mnemonic.Clc, Mnemonic.Stc, Mnemonic.Cmc],
  ...[Mnemonic.Jmp, Mnemonic.Call, Mnemonic.Ret],
  ...[Mnemonic.Ja, Mnemonic.Jae, Mnemonic.Jb, Mnemonic.Jbe, Mnemonic.Je, Mnemonic.Jne, Mnemonic.Jg, Mnemonic.Jge],
  ...[Mnemonic.Jl, Mnemonic.Jle, Mnemonic.Jo, Mnemonic.Jno, Mnemonic.Jp, Mnemonic.Jnp, Mnemonic.Js, Mnemonic.Jns],
  ...[Mnemonic.Seta, Mnemonic.Setae, Mnemonic.Setb, Mnemonic.Setbe, Mnemonic.Sete, Mnemonic.Setne, Mnemonic.Setg],
  ...[Mnemonic.Setge, Mnemonic.Setl, Mnemonic.Setle, Mnemonic.Seto, Mnemonic.Setno, Mnemonic.Setp, Mnemonic.Setnp],
  ...[Mnemonic.Sets, Mnemonic.Setns],
  ...[Mnemonic.Cmova, Mnemonic.Cmovae, Mnemonic.Cmovb, Mnemonic.Cmovbe, Mnemonic.Cmove, Mnemonic.Cmovne],
  ...[Mnemonic.Cmovg, Mnemonic.Cmovge, Mnemonic.Cmovl, Mnemonic.Cmovle, Mnemonic.Cmovo, Mnemonic.Cmovno],
  ...[Mnemonic.Cmovp, Mnemonic.Cmovnp, Mnemonic.Cmovs, Mnemonic.Cmovns],
]);

/** Their operand may be further away than it says, by the register that holds the bit's number. */
const BIT_TESTS: ReadonlySet<Mnemonic> = new Set([Mnemonic.Bt, Mnemonic.Bts, Mnemonic.Btr, Mnemonic.Btc]);

const SIZES: ReadonlySet<MemorySize> = new Set([
  ...[MemorySize.UInt8, MemorySize.UInt16, MemorySize.UInt32, MemorySize.UInt64],
  ...[MemorySize.Int8, MemorySize.Int16, MemorySize.Int32, MemorySize.Int64, MemorySize.QwordOffset],
]);

const READS_ONLY: ReadonlySet<OpAccess> = new Set([OpAccess.Read, OpAccess.CondRead]);
const infos = new InstructionInfoFactory();

/** @param code the bytes at `ip`, as many as an instruction may have where there are so many */
export function decode(code: Uint8Array, ip: bigint): Decoded {
  const decoder = new Decoder(64, code, DecoderOptions.None);
  decoder.ip = ip;
  const instruction = decoder.decode();
  try {
    return classOf(instruction);
  } finally {
    instruction.free();
    decoder.free();
  }
}

const OTHER: Decoded = { kind: "other" };

function classOf(instruction: Instruction): Decoded {
  const info = infos.info(instruction);
  const registers = info.usedRegisters() as UsedRegister[];
  const memory = info.usedMemory() as UsedMemory[];
  try {
    if (!isPlain(instruction) || !registers.every(isOrdinary)) return OTHER;
    // An address that is only reckoned (LEA) is not touched.
    const operands = memory.filter(({ access }) => access !== OpAccess.NoMemAccess).map(operandOf);
    const outcome = outcomeOf(instruction);
    if (outcome === null || !operands.every((operand) => operand !== null)) return OTHER;
    return { kind: "plain", outcome, operands };
  } finally {
    for (const one of [...registers, ...memory, info]) one.free();
  }
}

function isPlain(instruction: Instruction): boolean {
  const { mnemonic, opCount, op0Kind, op1Kind } = instruction;
  if (!PLAIN.has(mnemonic) || instruction.hasRepPrefix || instruction.hasRepnePrefix) return false;
  const inMemory = opCount > 0 && op0Kind === OpKind.Memory;
  if (BIT_TESTS.has(mnemonic) && inMemory && op1Kind === OpKind.Register) return false;
  // Its address is taken from the stack pointer after it has moved.
  return !(mnemonic === Mnemonic.Pop && inMemory);
}

/** A general register, or a segment that is only read. */
const isOrdinary = ({ register, access }: UsedRegister): boolean =>
  RegisterExt.isGPR(register) || (RegisterExt.isSegmentRegister(register) && READS_ONLY.has(access));

function operandOf(memory: UsedMemory): Operand | null {
  const { segment, base, index, scale, displacement, memorySize, access } = memory;
  if (!SIZES.has(memorySize) || !isAddress(base) || !isAddress(index)) return null;
  const segmentBase = segment === Register.GS ? "gs_base" : segment === Register.FS ? "fs_base" : null;
  return {
    ...{ segmentBase, scale, displacement },
    base: nameOf(base),
    index: nameOf(index),
    bytes: MemorySizeExt.size(memorySize),
    writes: !READS_ONLY.has(access),
  };
}

const isAddress = (register: Register): boolean => register === Register.None || RegisterExt.isGPR64(register);
const nameOf = (register: Register): string | null =>
  register === Register.None ? null : (Register[register] ?? "").toLowerCase();

function outcomeOf(instruction: Instruction): Outcome | null {
  const next = instruction.nextIP;
  switch (instruction.flowControl) {
    case FlowControl.Next:
      return { kind: "goes to", places: [next] };
    case FlowControl.ConditionalBranch:
      return { kind: "goes to", places: [next, instruction.nearBranchTarget] };
    case FlowControl.UnconditionalBranch:
    case FlowControl.Call:
      return instruction.op0Kind === OpKind.NearBranch64
        ? { kind: "goes to", places: [instruction.nearBranchTarget] }
        : null;
    case FlowControl.IndirectBranch:
    case FlowControl.IndirectCall:
    case FlowControl.Return:
      return { kind: "moves the stack", by: BigInt(instruction.stackPointerIncrement) };
    default:
      return null;
  }
}

/** Where an operand is, by the registers before the instruction; null where one of them is not known. */
export function addressOf(operand: Operand, registers: ReadonlyMap<string, bigint>): bigint | null {
  const value = (name: string | null) => (name === null ? 0n : registers.get(name));
  const [segment, base, index] = [operand.segmentBase, operand.base, operand.index].map(value);
  if (segment === undefined || base === undefined || index === undefined) return null;
  return BigInt.asUintN(64, segment + base + index * BigInt(operand.scale) + operand.displacement);
}
