import { parseStopReply, registersOf } from "@ringside/rsp";
import { AHEAD_STACK_BYTES, INSTRUCTION_BYTES_MAX } from "../../limits.ts";
import { isInterrupt, plainStop } from "../conditions.ts";
import { asking, type Conversation, type Cut, type Journey } from "../conversation.ts";
import { KERNEL_START } from "../kernel-addresses.ts";
import { addressOf, type Decoded, decode } from "./instruction.ts";
import type { AheadLog, AheadWish, Standing, WrittenBytes } from "./log.ts";
import { MemoryShadow } from "./memory-shadow.ts";
import { differentRegisters, putBack } from "./put-back.ts";
import { Translation } from "./translation.ts";

/** What a debugger steps with, and how many more steps it is likely to ask for. */
export interface StepsAhead {
  readonly connection: number;
  /** The packet of one step. */
  readonly payload: string;
  readonly wish: AheadWish;
}

/** How steps ahead ended. */
export type WentAhead =
  /** The machine stands after the step that was asked for, or after several: then there is a log. */
  | { readonly kind: "stands"; readonly reply: string; readonly log: AheadLog | null }
  /** A step went as it must not, and could not be taken back. */
  | { readonly kind: "lost" };

/** How a step with others behind it ended. */
export type AheadEnd =
  | WentAhead
  /** It was to stand, and has taken no step. */
  | { readonly kind: "cut"; readonly reply: string }
  /** The stub's error to the first step. */
  | { readonly kind: "refused"; readonly reply: string };

type Plain = Extract<Decoded, { kind: "plain" }>;

/** What is known before a step that can be taken back. */
interface Prepared {
  readonly outcome: Plain["outcome"];
  readonly writes: readonly WrittenBytes[];
  /** What an exception would write over. */
  readonly stack: readonly WrittenBytes[];
}

/** General registers, the program counter and the flags: their numbers in `p`. */
const UNDOABLE_REGISTER_MAX = 17;
/** MOV to a segment: its opcode, and the bytes of one with all that may go with it. */
const SEGMENT_LOAD = 0x8e;
const LONGEST_SEGMENT_LOAD = 9;
const TRAP_FLAG = 1n << 8n;
const PRIVILEGE_MASK = 3n;

/**
 * Takes the step that a debugger has asked for, and others behind it.
 * @param isPlace whether a breakpoint stands at an address
 */
export function* stepAhead(steps: StepsAhead, isPlace: (address: bigint) => boolean, cut: Cut): Journey<AheadEnd> {
  const reply = yield { kind: "step", payload: steps.payload };
  if (parseStopReply(reply) === null) return { kind: "refused", reply };
  if (cut.wanted && isInterrupt(reply)) return { kind: "cut", reply };
  return yield* goAhead(steps, { reply, taken: 1 }, isPlace, cut);
}

/**
 * On the ground that the debugger will ask for more steps, takes as many as can be taken back: kernel code of plain
 * instructions on memory that is surely RAM. Ends at anything else that may happen.
 * @param first the stop that the debugger will be told, and how many steps led to it
 */
export function* goAhead(
  { connection, payload, wish }: StepsAhead,
  first: { readonly reply: string; readonly taken: number },
  isPlace: (address: bigint) => boolean,
  cut: Cut,
): Journey<WentAhead> {
  const alone = { kind: "stands", reply: first.reply, log: null } as const;
  const thread = plainStop(first.reply)?.thread;
  if (thread === undefined || cut.wanted) return alone;
  const registers = yield { kind: "ask", payload: "g" };
  const translation = yield* asking(Translation.of(registersOf("x86_64", registers)));
  if (translation === null) return alone;
  const shadow = new MemoryShadow(translation);
  if (!(yield* asking(isSettled(registers, shadow)))) return alone;
  const steps: Standing[] = [{ stop: first.reply, registers, written: [] }];
  let { reply } = first;
  while (steps.length < wish.steps && !cut.wanted) {
    const before = steps.at(-1)?.registers ?? registers;
    const prepared = yield* asking(prepare(before, shadow, isPlace));
    if (prepared === null || cut.wanted) break;
    const stop = yield { kind: "step", payload };
    const standing = yield* asking(standingAfter(stop, before, prepared, shadow));
    if (standing === "lost") return { kind: "lost" };
    if (standing === "taken back" || (isInterrupt(stop) && standing.registers === before)) break;
    reply = cut.wanted && isInterrupt(stop) ? first.reply : stop;
    steps.push({ ...standing, stop: reply });
    const plain = plainStop(reply);
    if (plain === null || plain.thread !== thread) break;
  }
  if (steps.length === 1) return alone;
  return { kind: "stands", reply, log: { connection, name: wish.name, before: first.taken - 1, steps, translation } };
}

/**
 * Whether registers and memory say all of the machine. After STI and a load of SS the processor holds interrupts back
 * for one instruction, after HLT and MWAIT it waits: no register shows it. Those are looked for before the program
 * counter, and what only looks like one of them counts, too.
 */
function* isSettled(registers: string, shadow: MemoryShadow): Conversation<boolean> {
  const pc = registersOf("x86_64", registers).get("rip");
  if (pc === undefined || pc < KERNEL_START.x86_64) return false;
  const before = yield* shadow.read(pc - BigInt(LONGEST_SEGMENT_LOAD), LONGEST_SEGMENT_LOAD);
  if (before === null) return false;
  const hex = Buffer.from(before).toString("hex");
  return !/(?:fb|f4|0f01c9)$/.test(hex) && !before.includes(SEGMENT_LOAD);
}

/** Looks at the next instruction; null where a step of it could not be taken back. */
function* prepare(
  before: string,
  shadow: MemoryShadow,
  isPlace: (address: bigint) => boolean,
): Conversation<Prepared | null> {
  const registers = registersOf("x86_64", before);
  const [pc, stack] = [registers.get("rip"), registers.get("rsp")];
  if (pc === undefined || stack === undefined || pc < KERNEL_START.x86_64 || isPlace(pc)) return null;
  if (((registers.get("cs") ?? PRIVILEGE_MASK) & PRIVILEGE_MASK) !== 0n) return null;
  if (((registers.get("eflags") ?? TRAP_FLAG) & TRAP_FLAG) !== 0n) return null;
  const decoded = decode(yield* shadow.code(pc, INSTRUCTION_BYTES_MAX), pc);
  if (decoded.kind !== "plain") return null;
  const writes: WrittenBytes[] = [];
  for (const operand of decoded.operands) {
    const address = addressOf(operand, registers);
    if (address === null) return null;
    if (operand.writes) {
      const there = yield* shadow.before(address, operand.bytes, "anew");
      if (there === null) return null;
      writes.push(...there);
    } else if ((yield* shadow.read(address, operand.bytes)) === null) {
      return null;
    }
  }
  const below = yield* shadow.before(stack - BigInt(AHEAD_STACK_BYTES), AHEAD_STACK_BYTES, "known");
  return below === null ? null : { outcome: decoded.outcome, writes, stack: below };
}

/** Reads what a step came to. What is no outcome of its instruction is taken back at once. */
function* standingAfter(
  stop: string,
  before: string,
  { outcome, writes, stack }: Prepared,
  shadow: MemoryShadow,
): Conversation<Standing | "taken back" | "lost"> {
  if (parseStopReply(stop) === null) return "taken back";
  const registers = yield "g";
  // QEMU's single step does not always step.
  if (registers === before) return { stop, registers, written: [] };
  const written = yield* shadow.after(writes);
  if (written !== null && isOutcome(outcome, before, registers)) return { stop, registers, written };
  const overwritten = yield* shadow.after(stack);
  if (written === null || overwritten === null) return "lost";
  const isBack = yield* putBack({ written: [...written, ...overwritten], now: registers, before });
  return isBack ? "taken back" : "lost";
}

function isOutcome(outcome: Plain["outcome"], before: string, after: string): boolean {
  if (differentRegisters(before, after).some(([number]) => number > UNDOABLE_REGISTER_MAX)) return false;
  const [old, now] = [registersOf("x86_64", before), registersOf("x86_64", after)];
  switch (outcome.kind) {
    case "goes to":
      return outcome.places.includes(now.get("rip") ?? 0n);
    case "moves the stack":
      return now.get("rsp") === BigInt.asUintN(64, (old.get("rsp") ?? 0n) + outcome.by);
    default:
      return outcome satisfies never;
  }
}
