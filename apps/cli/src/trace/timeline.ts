import type { Bilingual } from "@ringside/shared";
import type { Fact, FactKind, Who } from "@ringside/trace";
import { cut, plain } from "../output/table.ts";
import { factWords } from "./fact-words.ts";

/** Names by which kinds of facts are asked for. */
export const FACT_GROUPS = [
  "machines",
  "connections",
  "breakpoints",
  "stops",
  "reads",
  "writes",
  "console",
  "answers",
] as const;
export type FactGroup = (typeof FACT_GROUPS)[number];

const GROUP_OF = {
  machine_found: "machines",
  machine_gone: "machines",
  attached: "connections",
  left: "connections",
  detached: "connections",
  breakpoint_inserted: "breakpoints",
  breakpoint_removed: "breakpoints",
  stopped: "stops",
  resumed: "stops",
  stepped: "stops",
  interrupted: "stops",
  registers_read: "reads",
  memory_read: "reads",
  looked_at: "reads",
  registers_written: "writes",
  memory_written: "writes",
  console_typed: "console",
  console_printed: "console",
  answered: "answers",
  monitor: "answers",
} as const satisfies Record<FactKind, FactGroup>;

/** gdb reads thousands of times by itself: that is shown where it is asked for. */
export const USUAL_GROUPS: readonly FactGroup[] = FACT_GROUPS.filter((name) => name !== "reads");

export interface TimelineFilter {
  readonly groups: readonly FactGroup[];
  /** Seconds since the recording began, both included. */
  readonly since: number;
  readonly until: number;
}

/** The facts that are asked for, in their order. */
export function filterFacts(facts: readonly Fact[], { groups, since, until }: TimelineFilter): readonly Fact[] {
  const wanted = new Set(groups);
  return facts.filter(({ kind, t }) => wanted.has(GROUP_OF[kind]) && t >= since * 1_000 && t <= until * 1_000);
}

const TIME_COLUMNS = 9;
const EVENT_COLUMNS = 6;
const WHO_COLUMNS = 12;
/** A line of a timeline; what is longer is cut. */
const LINE_COLUMNS_MAX = 200;

/** They turn the order of what stands around them, so that a line says something else than it does. */
const DIRECTIONS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A fact as a line: time, event, who, what. Safe for a terminal, whatever the guest or a student wrote. */
export function timelineLine(fact: Fact, language: keyof Bilingual): string {
  const time = `${(fact.t / 1_000).toFixed(3).padStart(TIME_COLUMNS)} s`;
  const event = String(fact.event).padStart(EVENT_COLUMNS);
  const who = whoWords("who" in fact ? fact.who : null).padEnd(WHO_COLUMNS);
  const line = plain(`${time}  ${event}  ${who}  ${factWords(fact)[language]}`).replace(DIRECTIONS, "?");
  const kept = cut(line, LINE_COLUMNS_MAX - 1);
  return kept.length === line.length ? line : `${kept}…`;
}

function whoWords(who: Who | null): string {
  return who === null ? "" : `${who.connection} ${who.role}`;
}
