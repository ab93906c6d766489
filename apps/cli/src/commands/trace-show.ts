import type { TraceEvent, VerifyResult } from "@ringside/trace";
import { type Command, InvalidArgumentError } from "commander";
import { type Context, note } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { jsonLine } from "../output/json-line.ts";
import { plain } from "../output/table.ts";
import { writeAll } from "../output/write-all.ts";
import { languageOf, languageOption } from "../trace/language.ts";
import { openTrace, TRACE_SOURCES } from "../trace/open-trace.ts";
import { FACT_GROUPS, type FactGroup, filterFacts, timelineLine, USUAL_GROUPS } from "../trace/timeline.ts";
import { factsOf } from "../trace/trace-facts.ts";

/** Columns that a line of a shown event may take. */
const EVENT_COLUMNS_MAX = 160;

interface ShowOptions {
  readonly only?: readonly FactGroup[];
  readonly since?: number;
  readonly until?: number;
  readonly lang?: "en" | "zh";
  readonly events?: boolean;
}

/** `ringside trace show`. */
export function addTraceShow(trace: Command, context: Context): void {
  trace
    .command("show")
    .argument("<what>", TRACE_SOURCES)
    .summary("what happened, with times")
    .description(
      "Shows what happened in a recording, a line each: seconds since it began, number of the event, who, and what. " +
        "With --json, a JSON object a line.",
    )
    .option("--only <groups>", `only these: ${FACT_GROUPS.join(", ")}; default: all but reads`, groupList)
    .option("--since <seconds>", "from this moment on", seconds)
    .option("--until <seconds>", "up to this moment", seconds)
    .option("--events", "the events as they were recorded, without what they mean")
    .addOption(languageOption())
    .action(async (source: string, options: ShowOptions) => {
      const { result } = await openTrace(context, source);
      if (options.events === true) await showEvents(context, result, options);
      else await showFacts(context, result, options);
      if (result.status === "damaged") {
        throw new CliError("failed", `The recording is damaged from here on: ${result.why}`);
      }
    });
}

function groupList(value: string): readonly FactGroup[] {
  return value.split(",").map((word) => {
    const found = FACT_GROUPS.find((name) => name === word.trim());
    if (found === undefined) throw new InvalidArgumentError(`There are: ${FACT_GROUPS.join(", ")}.`);
    return found;
  });
}

function seconds(value: string): number {
  const number = Number(value);
  if (!/^\d+(?:\.\d+)?$/.test(value) || !Number.isFinite(number)) {
    throw new InvalidArgumentError("It is a number of seconds.");
  }
  return number;
}

async function showFacts(context: Context, { events }: VerifyResult, options: ShowOptions): Promise<void> {
  const { since = 0, until = Number.POSITIVE_INFINITY } = options;
  const facts = await factsOf(context, events);
  const shown = filterFacts(facts, { groups: options.only ?? USUAL_GROUPS, since, until });
  const language = languageOf(context, options.lang);
  const line = context.json() ? jsonLine : (fact: (typeof facts)[number]) => timelineLine(fact, language);
  await writeAll(context.stdout, lines(shown, line), context.signal);
  if (options.only !== undefined || context.json()) return;
  const reads = filterFacts(facts, { groups: ["reads"], since, until }).length;
  if (reads > 0) note(context, `${reads} reads of registers and memory are not shown: \`--only reads\` does.`);
}

async function showEvents(context: Context, { events }: VerifyResult, options: ShowOptions): Promise<void> {
  const { since = 0, until = Number.POSITIVE_INFINITY } = options;
  if (options.only !== undefined) throw new CliError("usage", "--only is about what events mean: leave out --events");
  const shown = events.filter(({ t }) => t >= since * 1_000 && t <= until * 1_000);
  const line = context.json() ? jsonLine : eventLine;
  await writeAll(context.stdout, lines(shown, line), context.signal);
}

function* lines<T>(values: readonly T[], line: (value: T) => string): Generator<string, void, void> {
  for (const value of values) yield `${line(value)}\n`;
}

function eventLine(event: TraceEvent): string {
  const { seq, t, type, ...rest } = event;
  const details = Object.entries(rest).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const line = `${String(seq).padStart(6)}  ${(t / 1_000).toFixed(3).padStart(9)} s  ${type}  ${details.join(" ")}`;
  return plain(line.length > EVENT_COLUMNS_MAX ? `${line.slice(0, EVENT_COLUMNS_MAX - 1)}…` : line);
}
