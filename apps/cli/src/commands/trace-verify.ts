import type { CellKey } from "@ringside/shared";
import { type Command, InvalidArgumentError } from "commander";
import { type Context, printResult } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { table } from "../output/table.ts";
import { cellKeys } from "../trace/cell-keys.ts";
import { checkTrace, type TraceCheck } from "../trace/checks.ts";
import { type OpenedTrace, openTrace, TRACE_SOURCES } from "../trace/open-trace.ts";

interface VerifyOptions {
  readonly digest?: string;
  readonly unsealed?: boolean;
  readonly keys?: string;
}

/** `ringside trace verify`. */
export function addTraceVerify(trace: Command, context: Context): void {
  trace
    .command("verify")
    .argument("<what>", TRACE_SOURCES)
    .summary("check a recording from every side")
    .description(
      "Checks a recording: the form of every line, the version, the chain of hashes, numbers and times, the seal, " +
        "that it is what was handed in, and its cell's signature. The cells' keys come from the server where you are " +
        "logged in. Exits with 0 where all of it is right, with 1 where anything is not.",
    )
    .option("--digest <sha256>", "of a file: the sha256 that it must have", sha256)
    .option("--unsealed", "a recording that goes on is right, too")
    .option("--keys <file>", "the cells' keys, as `ringside --json keys list` prints them, in place of the server's")
    .action(async (source: string, options: VerifyOptions) => {
      const opened = await openTrace(context, source);
      verify(context, opened, options, await cellKeys(context, options.keys));
    });
}

function sha256(value: string): string {
  if (!/^[0-9a-f]{64}$/i.test(value)) throw new InvalidArgumentError("It is 64 hex digits.");
  return value.toLowerCase();
}

function verify(
  context: Context,
  { result, submission }: OpenedTrace,
  options: VerifyOptions,
  keys: readonly CellKey[] | null,
): void {
  const expected = {
    digest: options.digest ?? submission?.traceDigest,
    mayBeUnsealed: options.unsealed === true,
    keys,
    handedIn: submission === undefined ? undefined : new Date(submission.createdAt),
  };
  const checks = checkTrace(result, expected);
  const isBad = checks.some(({ state }) => state === "bad");
  const answer = {
    status: result.status === "damaged" ? "damaged" : isBad ? "bad" : "intact",
    events: result.events.length,
    digest: result.status === "intact" ? result.digest : null,
    seal: (result.status === "intact" ? result.seal : undefined) ?? null,
    damage: result.status === "damaged" ? { kind: result.kind, ...result.at } : null,
    checks,
  };
  printResult(context, answer, () => checksText(checks, result.events.length));
  if (isBad) throw new CliError("failed", "");
}

const STATES = { good: "ok", bad: "BAD", unknown: "-" } as const satisfies Record<TraceCheck["state"], string>;

function checksText(checks: readonly TraceCheck[], events: number): string {
  const rows = checks.map(({ name, state, words }) => [name, STATES[state], words]);
  const isBad = checks.some(({ state }) => state === "bad");
  const last = isBad ? `Not right: ${events} events of it can be read.` : `Intact: ${events} events.`;
  return `${table(["check", "", "what was found"], rows)}\n\n${last}`;
}
