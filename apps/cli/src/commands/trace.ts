import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { submissionIdSchema } from "@ringside/shared";
import { readTraceBytes, type TraceEvent, type VerifyResult, verifyTrace } from "@ringside/trace";
import type { Command } from "commander";
import { loggedInApi } from "../api/credentials.ts";
import { type Context, print, printResult } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { plain } from "../output/table.ts";

/** Columns that a line of a shown trace may take. */
const SHOWN_CHARS_MAX = 160;

/** `ringside trace show|verify`: a recording, from a file, a folder of segments or the server. */
export function addTrace(program: Command, context: Context): void {
  const trace = program.command("trace").description("look at a recording, or check that nothing in it was changed");
  const what = "a submission, a trace file, or a folder of segments";
  trace
    .command("show")
    .argument("<what>", what)
    .description("the events of a recording, one a line")
    .action(async (source: string) => show(context, await verifyTrace(await openTrace(context, source))));
  trace
    .command("verify")
    .argument("<what>", what)
    .description("check every event's hash, number and time, and the seal")
    .action(async (source: string) => verify(context, await verifyTrace(await openTrace(context, source))));
  trace.addHelpText(
    "after",
    "\nExamples:\n  ringside trace verify trace.jsonl\n  ringside --json trace show sub_… | jq .type",
  );
}

async function openTrace(context: Context, source: string): Promise<AsyncIterable<Uint8Array>> {
  if (submissionIdSchema.safeParse(source).success) {
    const response = await (await loggedInApi(context)).submissionTrace(source);
    if (response.body === null) throw new CliError("failed", "The server sent no recording");
    return response.body;
  }
  const found = await stat(source).catch(() => undefined);
  if (found?.isDirectory()) return readTraceBytes(source);
  if (found?.isFile()) return createReadStream(source);
  throw new CliError("not_found", `${source} is neither a submission nor a file nor a folder`);
}

function show(context: Context, result: VerifyResult): void {
  for (const event of result.events) {
    print(context, context.json() ? JSON.stringify(event) : eventLine(event));
  }
  if (result.status === "damaged") throw new CliError("failed", `The recording is damaged from here on: ${result.why}`);
}

function eventLine(event: TraceEvent): string {
  const { seq, t, type, ...rest } = event;
  const details = Object.entries(rest).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const line = `${String(seq).padStart(6)}  ${(t / 1000).toFixed(3).padStart(9)} s  ${type}  ${details.join(" ")}`;
  return plain(line.length > SHOWN_CHARS_MAX ? `${line.slice(0, SHOWN_CHARS_MAX - 1)}…` : line);
}

function verify(context: Context, result: VerifyResult): void {
  if (result.status === "damaged") throw new CliError("failed", `The recording is damaged: ${result.why}`);
  const { seal, digest } = result;
  printResult(context, { status: result.status, events: result.events.length, digest, seal: seal ?? null }, () =>
    [
      `Intact: ${result.events.length} events, ${seal ? "sealed" : "not sealed yet"}.`,
      `sha256 ${digest}`,
      ...(seal ? [`head   ${seal.head}`] : []),
    ].join("\n"),
  );
}
