import { hostname } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { firstAddress } from "../box/addresses.ts";
import { type Part, Supervisor } from "../box/supervisor.ts";
import { type Context, note } from "../context.ts";
import { RUNNER_STOP_MS, SERVICE_STOP_MS } from "../limits.ts";
import { startService } from "../processes/service.ts";

/** `ringside cell`: one cell, for hosts and containers that run nothing else. */
export function addCell(program: Command, context: Context): void {
  program
    .command("cell")
    .summary("run one cell: vm-runner and gdb-proxy")
    .description(
      "Runs vm-runner and gdb-proxy beside each other until Ctrl-C, with their settings from the environment " +
        "(docs/operating.md lists them). The cell's name is the host's unless RINGSIDE_CELL says otherwise.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  REDIS_URL=redis://queue:6379 RINGSIDE_TICKET_PUBLIC_KEY_FILE=key.pem ringside cell",
    )
    .action(() => cell(context));
}

async function cell(context: Context): Promise<void> {
  const env = { ...cellDefaults(context.inherited), ...context.inherited };
  const part = (name: "gdb-proxy" | "vm-runner", stopMs: number): Part => ({
    name,
    stopSignal: "SIGTERM",
    stopMs,
    start: async (signal) => {
      const script = join(context.repoRoot, "services", name, "src/main.ts");
      const onLine = (line: string) => context.stdout.write(`${line}\n`);
      return (await startService({ script, env, cwd: context.repoRoot, onLine, signal })).child;
    },
  });
  await using supervisor = new Supervisor({
    parts: [part("gdb-proxy", SERVICE_STOP_MS), part("vm-runner", RUNNER_STOP_MS)],
    onEvent: ({ part: name, what, detail }) => note(context, `${name}: ${what}${detail ? ` (${detail})` : ""}`),
  });
  await supervisor.start(context.signal);
  context.onHurry(() => supervisor.hurry());
  const gaveUp = await supervisor.untilEnd(context.signal);
  if (gaveUp) throw gaveUp;
}

/** What a cell that has a host of its own need not be told. */
export function cellDefaults(inherited: Readonly<Record<string, string>>): Record<string, string> {
  const name = hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 40);
  const address = firstAddress();
  const { RINGSIDE_PROXY_HOST: host, RINGSIDE_PROXY_PORT: port } = inherited;
  // Listening everywhere says nothing about where others find us.
  const everywhere = host === "0.0.0.0" && address !== undefined && port !== undefined;
  return {
    RINGSIDE_CELL: name,
    ...(everywhere && {
      RINGSIDE_PROXY_PUBLIC_URL: `ws://${address}:${port}`,
      RINGSIDE_PROXY_INTERNAL_URL: `http://${address}:${port}`,
    }),
  };
}
