import type { Command } from "commander";
import type { BenchResult, RunOptions, Suite } from "../bench/suite.ts";
import { SUITES } from "../bench/suites.ts";
import { type Context, note, printResult } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { table } from "../output/table.ts";
import { integer } from "./arguments.ts";

/** `ringside bench`: the figures that Ringside promises, measured on this machine. */
export function addBench(program: Command, context: Context): void {
  program
    .command("bench")
    .argument("[suite]", `one of: ${SUITES.map((suite) => suite.name).join(", ")} (default: all)`)
    .summary("measure what is promised")
    .description("Measures on this machine what Ringside promises, each figure with its target and how it was taken.")
    .addHelpText("after", `\nSuites:\n${SUITES.map((suite) => `  ${suite.name}  ${suite.summary}`).join("\n")}`)
    .option("--part <name>", `only this part of a suite: ${SUITES.flatMap((suite) => partsOf(suite)).join(", ")}`)
    .option(
      "--count <n>",
      "of the part fuzz: packets to send; of the suite grading: sessions",
      integer(1, FUZZ_COUNT_MAX),
    )
    .option("--seed <n>", "of the part fuzz: what a run before has printed, to send the same", integer(1, SEED_MAX))
    .action((name: string | undefined, options: RunOptions) => bench(context, name, options));
}

const FUZZ_COUNT_MAX = 1_000_000_000;
const SEED_MAX = 1_000_000;

async function bench(context: Context, name: string | undefined, options: RunOptions): Promise<void> {
  const { part } = options;
  const named = SUITES.filter((suite) => name === undefined || suite.name === name);
  const suites = part === undefined ? named : named.filter((suite) => partsOf(suite).includes(part));
  if (suites.length === 0)
    throw new CliError(
      "usage",
      `There is no suite ${[name, part].filter(Boolean).join(" with a part ")}: \`ringside bench --help\` lists them`,
    );
  const results: BenchResult[] = [];
  for (const suite of suites)
    results.push(...(await suite.run(context, (line) => note(context, `${suite.name}: ${line}`), options)));
  printResult(context, results, () => benchText(results));
  const missed = results.filter((one) => one.met === false);
  if (missed.length > 0) throw new CliError("failed", `${missed.length} targets were missed`);
}

const partsOf = (suite: Suite): readonly string[] => [...(suite.parts ?? []), ...(suite.longParts ?? [])];

function benchText(results: readonly BenchResult[]): string {
  const rows = results.map((one) => [
    one.suite,
    one.name,
    one.value.toFixed(one.value < 10 ? 2 : 0),
    one.unit,
    one.target ?? "",
    one.met === null ? "" : one.met ? "yes" : "NO",
  ]);
  const hows = [...new Set(results.map((one) => one.how))].map((how) => `  ${how}`).join("\n");
  const tables = results.flatMap((one) => one.table ?? []);
  const shown = tables.map(({ title, head, rows }) => `\n\n${title}\n${table(head, rows)}`).join("");
  return `${table(["suite", "figure", "value", "unit", "target", "met"], rows)}${shown}\n\n${hows}`;
}
