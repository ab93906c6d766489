import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { Api } from "../api/calls.ts";
import { loggedInApi } from "../api/credentials.ts";
import { type Context, print } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { TOP_LOOK_MS } from "../limits.ts";
import { type CellRow, cellsTable } from "../output/cells-table.ts";
import { LiveScreen } from "../output/live-screen.ts";
import { plain } from "../output/table.ts";

/** `ringside top`: what the cells' machines do and weigh. */
export function addTop(program: Command, context: Context): void {
  program
    .command("top")
    .summary("what the machines do and weigh, now")
    .description(
      "Shows the machines of every cell until Ctrl-C: by state, the pool, hibernated sessions, memory of their own and " +
        "shared, CPU, and how they were started. For instructors and administrators.",
    )
    .option("--once", "look once; so it is where stdout is no terminal")
    .addHelpText(
      "after",
      "\nExamples:\n  ringside top\n  ringside --json top --once\n  ringside --json top | jq .cells",
    )
    .action((options: { once?: boolean }) => top(context, options.once === true));
}

async function top(context: Context, once: boolean): Promise<void> {
  const api = await loggedInApi(context);
  if (once || !(context.json() || context.stdout.isTTY === true)) {
    const cells = await look(api);
    print(context, context.json() ? JSON.stringify({ cells }, null, 2) : cellsTable(cells));
    return;
  }
  const screen = new LiveScreen(context.stdout);
  let seen: readonly CellRow[] = await look(api);
  for (let trouble = ""; ; ) {
    if (context.json()) print(context, JSON.stringify({ at: new Date().toISOString(), cells: seen, trouble }));
    else screen.show([`${api.options.url}  ${new Date().toLocaleTimeString()}`, trouble, cellsTable(seen)].join("\n"));
    await sleep(TOP_LOOK_MS, undefined, { signal: context.signal });
    try {
      seen = await look(api);
      trouble = "";
    } catch (cause) {
      // A server that starts again is a thing to watch, too.
      if (!(cause instanceof CliError && cause.exit === "try_later")) throw cause;
      trouble = plain(`as last seen: ${cause.message.split("\n")[0]}`);
    }
  }
}

async function look(api: Api): Promise<readonly CellRow[]> {
  try {
    return await api.cells();
  } catch (cause) {
    if (!(cause instanceof CliError && cause.code === "forbidden")) throw cause;
    throw new CliError(
      "denied",
      "`ringside top` is for instructors and administrators: `ringside whoami` says who you are here.",
      { code: "forbidden", cause },
    );
  }
}
