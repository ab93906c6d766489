import type { Command } from "commander";
import { type Context, printResult } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { table } from "../output/table.ts";
import { examine } from "../setup/examine.ts";
import type { Finding } from "../setup/finding.ts";
import { installLine } from "../setup/requirements.ts";

/** `ringside doctor`: what is missing on this machine, and how to get it. */
export function addDoctor(program: Command, context: Context): void {
  program
    .command("doctor")
    .summary("check this machine")
    .description("Checks what a server needs of this machine, and says how to get what is missing. Changes nothing.")
    .option("--data <folder>", "the data folder that `ringside up` would use")
    .action((options: { data?: string }) => doctor(context, options.data));
}

async function doctor(context: Context, data: string | undefined): Promise<void> {
  const { findings, missing } = await examine(context, data);
  const install = missing.length === 0 ? null : installLine(missing, context.isRoot);
  printResult(context, { ok: findings.every((finding) => finding.state !== "bad"), findings, install }, () => {
    const rows = findings.map(({ name, state, words }: Finding) => [MARKS[state], name, words]);
    const advice = install === null ? "" : `\n\nTo get what is missing:\n  ${install}`;
    return table(["", "what", ""], rows) + advice;
  });
  const bad = findings.filter((finding) => finding.state === "bad");
  if (bad.length > 0) throw new CliError("failed", `${bad.length} of ${findings.length} checks failed`);
}

const MARKS = { good: "ok", warning: "note", bad: "BAD" } as const;
