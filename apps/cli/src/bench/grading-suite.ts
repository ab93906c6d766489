import { z } from "zod";
import { CliError } from "../exit-codes.ts";
import { runLongTest } from "../processes/checks.ts";
import { ensureEverything } from "../setup/ensure.ts";
import { median, result, type Suite, spread } from "./suite.ts";

const SUBMISSIONS = 500;
const EVENTS = 2_000;
const ROUNDS = 3;
const SECONDS_MAX = 30;

/** The last line of tests/grading-bench/main.ts. */
const measuredSchema = z.strictObject({
  submissions: z.int(),
  events: z.int(),
  bytes: z.int(),
  fewestEvents: z.int(),
  threads: z.int(),
  rounds: z.array(
    z.strictObject({
      readySeconds: z.number(),
      changesSeconds: z.number(),
      applySeconds: z.number(),
      cpuSeconds: z.number(),
      changed: z.int(),
      problems: z.int(),
    }),
  ),
});

/** What an instructor waits for after changing a rubric. */
export const gradingSuite: Suite = {
  name: "grading",
  summary: "a changed rubric over 500 recorded sessions",
  run: async (context, say, { count = SUBMISSIONS }) => {
    await ensureEverything(context);
    const args = ["--submissions", String(count), "--events", String(EVENTS), "--rounds", String(ROUNDS)];
    let last = "";
    const ended = await runLongTest("grading-bench", args, {
      repoRoot: context.repoRoot,
      env: context.inherited,
      signal: context.signal,
      onLine: (line, stream) => {
        if (stream === "stdout") last = line;
        else say(line);
      },
    });
    context.signal.throwIfAborted();
    if (ended.code !== 0) throw new CliError("failed", "The bench of grading did not come to its end");
    return figures(measuredSchema.parse(JSON.parse(last)));
  },
};

function figures({ submissions, events, bytes, fewestEvents, threads, rounds }: z.infer<typeof measuredSchema>) {
  const looked = rounds.map(({ readySeconds, changesSeconds }) => readySeconds + changesSeconds);
  const apply = rounds.map(({ applySeconds }) => applySeconds);
  const cpu = rounds.map(({ cpuSeconds }) => cpuSeconds);
  const how =
    `${submissions} recordings, ${Math.round(events / submissions)} events each (${fewestEvents} at least) and ` +
    `${Math.round(bytes / submissions / 1_000)} kB, in ${threads} threads, through the api's own job, PostgreSQL and ` +
    `Redis; until all changes are read: ${spread(looked, 1)} s; applied in ${spread(apply, 2)} s; ` +
    `CPU of the api and its threads: ${spread(cpu, 1)} s`;
  const problems = rounds.reduce((sum, round) => sum + round.problems, 0);
  const figure = (name: string, value: number, unit: string) => ({ name, value, unit, how });
  return [
    result("grading", {
      ...figure(`regrade of ${submissions} sessions, changes shown`, median(looked), "s"),
      target: { atMost: SECONDS_MAX },
    }),
    result("grading", figure("regrade applied", median(apply), "s")),
    result("grading", figure("CPU for a session", (1_000 * median(cpu)) / submissions, "ms")),
    result("grading", { ...figure("sessions that could not be graded", problems, ""), target: { atMost: 0 } }),
  ];
}
