import { VISIBILITIES, type Visibility } from "@ringside/grading";
import { asciicast } from "@ringside/trace";
import { type Command, InvalidArgumentError, Option } from "commander";
import { loggedInApi } from "../api/credentials.ts";
import { type Context, note, print } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { writeAll } from "../output/write-all.ts";
import { GRADE_FORMATS, type GradeFormat, gradeText, isGradeFormat } from "../trace/grade-text.ts";
import { languageOf, languageOption } from "../trace/language.ts";
import { findSubmission, openTrace, TRACE_SOURCES } from "../trace/open-trace.ts";
import { factsOf } from "../trace/trace-facts.ts";
import { writeCtfFolder, writeFile } from "../trace/write-export.ts";

const TRACE_FORMATS = ["asciicast", "ctf"] as const;
type Format = (typeof TRACE_FORMATS)[number] | GradeFormat;

interface ExportOptions {
  readonly format: Format;
  readonly output?: string;
  readonly input?: boolean;
  readonly idle?: number;
  readonly lang?: "en" | "zh";
  readonly visibility: Visibility;
}

/** `ringside trace export`. */
export function addTraceExport(trace: Command, context: Context): void {
  trace
    .command("export")
    .argument("<what>", TRACE_SOURCES)
    .summary("write a recording, or its grade, as other programs read it")
    .description(
      "Writes the console with a marker at each stop (asciicast v3, for asciinema-player), every event (ctf: Common " +
        "Trace Format, for babeltrace2), or the grade of a submission (prairielearn, gradescope, autolab).",
    )
    .addOption(
      new Option("--format <format>", "what to write")
        .choices([...TRACE_FORMATS, ...GRADE_FORMATS])
        .makeOptionMandatory(),
    )
    .option("-o, --output <path>", "the file to write, for ctf a new folder; default: stdout")
    .option("--input", "asciicast: also what was typed")
    .option("--idle <seconds>", "asciicast: players shorten longer pauses to this", idleSeconds)
    .addOption(
      new Option("--visibility <when>", "gradescope: when students see it").choices(VISIBILITIES).default("visible"),
    )
    .addOption(languageOption())
    .action((source: string, options: ExportOptions) => exportTrace(context, source, options));
}

function idleSeconds(value: string): number {
  const number = Number(value);
  if (!/^\d{1,6}(?:\.\d{1,3})?$/.test(value) || number === 0)
    throw new InvalidArgumentError("It is a number of seconds.");
  return number;
}

async function exportTrace(context: Context, source: string, options: ExportOptions): Promise<void> {
  const { format } = options;
  if (isGradeFormat(format)) {
    const submission = await findSubmission(await loggedInApi(context), source);
    const text = gradeText(submission, format, languageOf(context, options.lang), options.visibility);
    await write(context, options.output, [text]);
    return;
  }
  const { result } = await openTrace(context, source);
  if (result.status === "damaged") {
    throw new CliError("failed", `The recording is damaged, and is not written as anything else: ${result.why}`);
  }
  if (result.seal === undefined) note(context, "The recording is not sealed: its end may be missing.");
  const { events, digest } = result;
  const input = { events, digest, facts: await factsOf(context, events) };
  switch (format) {
    case "asciicast": {
      const idle = options.idle === undefined ? {} : { idleSeconds: options.idle };
      await write(context, options.output, asciicast(input, { input: options.input === true, ...idle }));
      return;
    }
    case "ctf": {
      if (options.output === undefined)
        throw new CliError("usage", "A trace in that format is a folder: give -o FOLDER");
      const bytes = await writeCtfFolder(input, options.output, context.signal);
      written(context, options.output, bytes);
      return;
    }
    default:
      format satisfies never;
  }
}

async function write(context: Context, path: string | undefined, pieces: Iterable<string>): Promise<void> {
  if (path === undefined) await writeAll(context.stdout, pieces, context.signal);
  else written(context, path, await writeFile(pieces, path, context.signal));
}

function written(context: Context, path: string, bytes: number): void {
  if (context.json()) print(context, JSON.stringify({ path, bytes }));
  else note(context, `${path}: ${bytes} bytes`);
}
