import type { Command } from "commander";
import type { Context } from "../context.ts";
import { addTraceExport } from "./trace-export.ts";
import { addTraceShow } from "./trace-show.ts";
import { addTraceVerify } from "./trace-verify.ts";

/** `ringside trace …`: a recording, from a file, a folder of segments or the server. */
export function addTrace(program: Command, context: Context): void {
  const trace = program
    .command("trace")
    .description("look at a recording, check that nothing in it was changed, or take it elsewhere");
  addTraceShow(trace, context);
  addTraceVerify(trace, context);
  addTraceExport(trace, context);
  trace.addHelpText(
    "after",
    "\nExamples:\n  ringside trace show sub_… --only stops,writes\n  ringside trace verify trace.jsonl\n" +
      "  ringside trace export sub_… --format asciicast -o session.cast",
  );
}
