import { PAGE_BYTES } from "@ringside/link";
import { REGISTER_LAYOUTS, registersOf } from "@ringside/rsp";
import type { Arch } from "@ringside/shared";
import type { Conversation } from "../hub/conversation.ts";
import type { StoppedView } from "../hub/debugger.ts";
import { returnAddresses } from "../hub/frames.ts";
import {
  BUNDLE_CODE_BYTES,
  BUNDLE_FRAME_PAGES_MAX,
  BUNDLE_REGISTER_PAGES_MAX,
  BUNDLE_STACK_PAGES_MAX,
  INSTRUCTION_BYTES_MAX,
  KERNEL_STACK_BYTES,
  PAGES_TOGETHER_MAX,
  STEP_FRAME_PAGES_MAX,
  STEP_PAGES_MAX,
  STEP_PAGES_NEARBY_MAX,
} from "../limits.ts";
import type { Budget } from "./budget.ts";
import type { ClientReads } from "./client-reads.ts";
import { isKernel, pageOf, stackOf } from "./guest-memory.ts";
import { type PlaceRegisters, placeRegisters } from "./place-registers.ts";
import type { StopPages } from "./stop-pages.ts";

/**
 * Which pages come with a stop: those that gdb will ask for next, the surest first.
 * A conversation reads them, as far as the budget goes; they are in `pages` then.
 */
export interface BundleView {
  readonly arch: Arch;
  readonly stop: Pick<StoppedView, "registers">;
  /**
   * "stop": all that `backtrace`, `info locals` and `x/i $pc` take. "step": what a step needs, for it is one of many.
   * "write": what gdb holds, after it has changed something. The latter two where the line is so short that a question
   * costs less than a guess: "nearby" and "nearby write".
   */
  readonly kind: "stop" | "step" | "write" | "nearby" | "nearby write";
  readonly pages: StopPages;
  readonly reads: ClientReads;
  readonly budget: Budget;
}

export function* gatherBundle(view: BundleView): Conversation<void> {
  const { arch, kind, reads, stop } = view;
  if (stop.registers === null) return;
  const place = placeRegisters(arch, stop.registers);
  switch (kind) {
    case "nearby":
      yield* readAll(view, reads.lastStop.slice(0, STEP_PAGES_NEARBY_MAX));
      break;
    case "nearby write":
      yield* readAll(view, reads.thisStop.slice(0, STEP_PAGES_NEARBY_MAX));
      break;
    case "step":
      yield* gatherStep(view, place, reads.lastStop);
      break;
    case "write":
      yield* gatherStep(view, place, reads.thisStop);
      break;
    case "stop":
      yield* gatherStop(view, place, registersOf(arch, stop.registers));
      break;
    default:
      kind satisfies never;
  }
}

function* gatherStep(view: BundleView, place: PlaceRegisters, read: readonly bigint[]): Conversation<void> {
  const { ip, sp } = place;
  const code = ip === null ? [] : [pageOf(ip), pageOf(ip + BigInt(INSTRUCTION_BYTES_MAX))];
  const stack = sp === null ? [] : [pageOf(sp)];
  yield* readAll(view, [...code, ...stack, ...read.slice(0, STEP_PAGES_MAX)]);
  yield* readFrames(view, knownReturns(view, place), STEP_FRAME_PAGES_MAX);
}

function* gatherStop(
  view: BundleView,
  place: PlaceRegisters,
  registers: ReadonlyMap<string, bigint>,
): Conversation<void> {
  const { arch, reads, pages } = view;
  if (place.ip !== null) yield* readAll(view, codePages(place.ip));
  if (place.sp !== null) yield* readStack(view, place.sp);
  yield* readAll(view, reads.lastStop);
  yield* readFrames(view, yield* pages.over(returnAddresses(arch, place.byName)), BUNDLE_FRAME_PAGES_MAX);
  yield* readAll(view, pointedTo(arch, registers, place.pointerBytes));
  yield* readAll(view, reads.recent);
}

function codePages(place: bigint): readonly bigint[] {
  const around = BigInt(BUNDLE_CODE_BYTES);
  return [pageOf(place), pageOf(place + around), pageOf(place < around ? 0n : place - around)];
}

/**
 * From the stack pointer up to the end of a kernel stack and the page after it, where gdb looks for the frame above
 * the last; or a few pages.
 */
function* readStack(view: BundleView, top: bigint): Conversation<void> {
  const first = pageOf(top);
  const end = isKernel(view.arch, top)
    ? stackOf(top) + BigInt(KERNEL_STACK_BYTES + PAGE_BYTES)
    : first + BigInt(BUNDLE_STACK_PAGES_MAX * PAGE_BYTES);
  const stack: bigint[] = [];
  for (let page = first; page < end; page += BigInt(PAGE_BYTES)) stack.push(page);
  yield* readAll(view, stack);
}

/** The code that frames return to. */
function* readFrames(view: BundleView, returns: readonly string[], most: number): Conversation<void> {
  const pages = new Set(returns.map((address) => pageOf(BigInt(`0x${address}`))));
  yield* readAll(view, [...pages].slice(0, most));
}

/** Return addresses as far as the pages that are known tell them. */
function knownReturns({ arch, pages }: BundleView, { byName }: PlaceRegisters): readonly string[] {
  const talk = pages.over(returnAddresses(arch, byName));
  let step = talk.next();
  while (!step.done) step = talk.next("E14");
  return step.value;
}

/** Pages of the kernel that general registers point to. A user program's are seldom looked at. */
function pointedTo(arch: Arch, registers: ReadonlyMap<string, bigint>, bytes: 4 | 8): readonly bigint[] {
  const pages = new Set<bigint>();
  for (const { name, bytes: size } of REGISTER_LAYOUTS[arch]) {
    const value = size === bytes ? registers.get(name) : undefined;
    if (value !== undefined && isKernel(arch, value)) pages.add(pageOf(value));
  }
  return [...pages].slice(0, BUNDLE_REGISTER_PAGES_MAX);
}

/** Reads pages, some at a time, as far as the budget goes. */
function* readAll({ pages, budget }: BundleView, wanted: readonly bigint[]): Conversation<void> {
  const unknown = [...new Set(wanted)].filter((page) => !pages.has(page));
  for (let at = 0; at < unknown.length; at += PAGES_TOGETHER_MAX) {
    const together = unknown.slice(at, at + PAGES_TOGETHER_MAX).filter(() => budget.take());
    yield* pages.readAll(together);
  }
}
