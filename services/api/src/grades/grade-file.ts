import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { canonicalJson, gradeTrace, parseRubricFile } from "@ringside/grading";
import { functionTableSchema } from "@ringside/shared";
import { parseSymbols, verifyTrace } from "@ringside/trace";
import { TRACE_STORE_BYTES_MAX } from "../limits.ts";
import type { GradeInput } from "./grader.ts";

/** Reads what a grade is made from, and grades. @returns canonical JSON: the same bytes for the same files */
export async function gradeFile(input: GradeInput): Promise<string> {
  const { rubric, traceDigest, expected } = input;
  const trace = await verifyTrace(createReadStream(input.trace), { bytesMax: TRACE_STORE_BYTES_MAX });
  const symbols = parseSymbols(await readFile(input.symbols, "utf8"));
  const functions = functionTableSchema.parse(JSON.parse(await readFile(input.functions, "utf8")));
  return canonicalJson(
    gradeTrace({
      trace,
      rubric: parseRubricFile(rubric.file, rubric.text),
      rubricDigest: rubric.digest,
      traceDigest,
      symbols,
      functions,
      expected,
    }),
  );
}
