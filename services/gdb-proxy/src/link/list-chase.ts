import { PAGE_BYTES } from "@ringside/link";
import type { Conversation } from "../hub/conversation.ts";
import { CHASE_FIELDS_MAX, CHASE_NODES_MAX, CHASE_POINTER_READ_BYTES_MAX, CHASE_SPAN_BYTES } from "../limits.ts";
import type { Budget } from "./budget.ts";
import type { ClientRead } from "./client-reads.ts";
import { pageOf } from "./guest-memory.ts";
import type { StopPages } from "./stop-pages.ts";

/**
 * Lists: gdb scripts walk them node by node (`task_struct.tasks`), and each node is on a page of its own. Where the
 * last reads show that a pointer in one node led to the page that is missed, the next nodes are read too, each with
 * the fields that were read of the ones before.
 *
 * Linux's lists point from one `next` to the other. A field may also be found through a pointer in the node
 * (`task->signal->…`): then it is `through` that.
 */
interface Field {
  /** From the node's pointer, in bytes. */
  readonly offset: bigint;
  readonly length: number;
  /** Where it lies behind the pointer that stands at `offset`. Null: it is the field itself. */
  readonly through: { readonly offset: bigint; readonly length: number } | null;
}

interface Way {
  /** Where the pointer to the first node that is not known stands. */
  readonly link: bigint;
  /** From where a node is pointed to, to its own pointer to the next. */
  readonly step: bigint;
  readonly fields: readonly Field[];
}

export interface Chase {
  readonly reads: readonly ClientRead[];
  /** The page that the client asked for. It has been read. */
  readonly missed: bigint;
  readonly pointerBytes: 4 | 8;
  readonly pages: StopPages;
  readonly budget: Budget;
}

const SPAN = BigInt(CHASE_SPAN_BYTES);
const PAGE = BigInt(PAGE_BYTES);
const isNear = (a: bigint, b: bigint): boolean => a - b < SPAN && b - a < SPAN;

/** Reads the next nodes of the list that the client walks, if it walks one. */
export function* chaseList(chase: Chase): Conversation<void> {
  const way = findWay(chase);
  if (way === null) return;
  const { pages, pointerBytes } = chase;
  const seen = new Set<bigint>();
  let node = pages.pointer(way.link, pointerBytes);
  for (let nodes = 0; node !== null && !seen.has(node) && nodes < CHASE_NODES_MAX; nodes += 1) {
    seen.add(node);
    const next = node + way.step;
    if (!(yield* readSpan(chase, next, pointerBytes))) return;
    for (const field of way.fields) yield* readField(chase, next, field);
    node = pages.pointer(next, pointerBytes);
  }
}

function findWay(chase: Chase): Way | null {
  const { reads, missed, pages, pointerBytes } = chase;
  for (let i = reads.length - 1; i >= 0; i -= 1) {
    for (const { at, value } of pointersIn(reads[i], pages, pointerBytes)) {
      if (value < PAGE || !(missed < value + SPAN && missed + PAGE > value - SPAN)) continue;
      return { link: at, step: stepBefore(chase, i, at), fields: fieldsAround(chase, at) };
    }
  }
  return null;
}

interface Pointer {
  readonly at: bigint;
  readonly value: bigint;
}

/** The pointers that a read has brought, as far as it was small. */
function* pointersIn(read: ClientRead | undefined, pages: StopPages, bytes: 4 | 8): Generator<Pointer> {
  if (read === undefined || read.length > CHASE_POINTER_READ_BYTES_MAX) return;
  for (let offset = 0; offset + bytes <= read.length; offset += bytes) {
    const at = read.address + BigInt(offset);
    const value = pages.pointer(at, bytes);
    if (value !== null) yield { at, value };
  }
}

/**
 * How the pointer at `link` was found from the pointer before: 0 in Linux's lists, a field's offset in others. A
 * pointer to itself, as an empty list has it, led nowhere.
 */
function stepBefore({ reads, pages, pointerBytes }: Chase, before: number, link: bigint): bigint {
  let step = 0n;
  for (let i = before - 1; i >= 0; i -= 1) {
    for (const { at, value } of pointersIn(reads[i], pages, pointerBytes)) {
      if (value === link) return 0n;
      if (step === 0n && value >= PAGE && value !== at && isNear(link, value)) step = link - value;
    }
  }
  return step;
}

/** What was read around the node whose pointer stands at `link`, and through pointers in it. */
function fieldsAround({ reads, pages, pointerBytes }: Chase, link: bigint): readonly Field[] {
  const fields = new Map<string, Field>();
  const pointers: Pointer[] = [];
  for (const read of reads) {
    const field = isNear(read.address, link)
      ? { offset: read.address - link, length: read.length, through: null }
      : throughPointer(read, pointers, link);
    if (field === null) continue;
    if (field.through === null) pointers.push(...pointersIn(read, pages, pointerBytes));
    fields.set(`${field.offset} ${field.through?.offset ?? ""}`, field);
    if (fields.size >= CHASE_FIELDS_MAX) break;
  }
  return [...fields.values()];
}

function throughPointer({ address, length }: ClientRead, pointers: readonly Pointer[], link: bigint): Field | null {
  const found = pointers.findLast(({ value }) => value >= PAGE && isNear(address, value));
  if (found === undefined) return null;
  return { offset: found.at - link, length, through: { offset: address - found.value, length } };
}

function* readField(chase: Chase, node: bigint, { offset, length, through }: Field): Conversation<void> {
  const at = node + offset;
  if (through === null) {
    yield* readSpan(chase, at, length);
    return;
  }
  if (!(yield* readSpan(chase, at, chase.pointerBytes))) return;
  const pointer = chase.pages.pointer(at, chase.pointerBytes);
  if (pointer !== null) yield* readSpan(chase, pointer + through.offset, through.length);
}

/** Reads the pages of a field. @returns whether its first page is known then */
function* readSpan({ pages, budget }: Chase, address: bigint, length: number): Conversation<boolean> {
  const first = pageOf(address);
  const last = pageOf(address + BigInt(Math.max(1, Math.min(length, PAGE_BYTES)) - 1));
  for (let page = first; page <= last; page += PAGE) {
    if (pages.get(page) !== null) continue;
    if (pages.has(page) || !budget.take()) break;
    yield* pages.read(page);
  }
  return pages.get(first) !== null;
}
