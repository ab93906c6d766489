import type { Ahead, Page, StepAhead } from "@ringside/link";
import type { AheadLog } from "../hub/ahead/log.ts";
import { differentRegisters } from "../hub/ahead/put-back.ts";
import type { Conversation } from "../hub/conversation.ts";
import { AHEAD_PLACES_MAX, INSTRUCTION_BYTES_MAX } from "../limits.ts";
import { pageOf } from "./guest-memory.ts";
import { placeRegisters } from "./place-registers.ts";
import type { StopPages } from "./stop-pages.ts";

/** A page that is given with steps ahead, and where it is in physical memory. */
export interface PlacedPage {
  readonly page: bigint;
  readonly physical: bigint;
  readonly bytes: Uint8Array;
}

/**
 * Reads what gdb will look at after each of the steps: where the machine stood, its stack, and what gdb looked at last.
 * Each page of physical memory is given under one address only, so that each write is one change; where it is not known
 * where a page is, nothing is known of what the steps did to it.
 * @param read pages that gdb looked at since the last stop
 */
export function* gatherAhead(
  log: AheadLog,
  read: readonly bigint[],
  pages: StopPages,
): Conversation<readonly PlacedPage[]> {
  const wanted = new Set<bigint>();
  for (const { registers } of log.steps) {
    const { ip, sp } = placeRegisters("x86_64", registers);
    if (ip !== null) wanted.add(pageOf(ip)).add(pageOf(ip + BigInt(INSTRUCTION_BYTES_MAX)));
    if (sp !== null) wanted.add(pageOf(sp));
  }
  for (const page of read) wanted.add(page);
  const placed = new Map<bigint, PlacedPage>();
  for (const page of [...wanted].slice(0, AHEAD_PLACES_MAX)) yield* pages.read(page);
  for (const { page, bytes } of pages.takeFresh()) {
    const mapping = yield* log.translation.of(page);
    if (mapping === null || placed.has(mapping.physical)) continue;
    placed.set(mapping.physical, { page, physical: mapping.physical, bytes });
  }
  return [...placed.values()];
}

/** The log as the near agent takes it: of what was written, that which is in the pages that it is given. */
export function aheadOf(log: AheadLog, pages: readonly PlacedPage[]): Ahead {
  const byPhysical = new Map(pages.map((placed) => [placed.physical, placed.page]));
  const steps: StepAhead[] = [];
  let before = log.steps[0]?.registers ?? "";
  for (const { stop, registers, written } of log.steps.slice(1)) {
    const changes = written.flatMap((piece): StepAhead["changes"] => {
      const page = byPhysical.get(pageOf(piece.physical));
      if (page === undefined) return [];
      const address = page + (piece.physical - pageOf(piece.physical));
      return [[address.toString(16), hexOf(piece.before), hexOf(piece.after)]];
    });
    const different = differentRegisters(before, registers).map(([number, value]): [number, string] => [number, value]);
    steps.push({ stop, registers: different, changes });
    before = registers;
  }
  return { registers: log.steps[0]?.registers ?? "", steps };
}

/** The same pages as the link sends them. */
export const asGiven = (pages: readonly PlacedPage[]): readonly Page[] =>
  pages.map(({ page, bytes }) => ({ at: page.toString(16), bytes }));

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
