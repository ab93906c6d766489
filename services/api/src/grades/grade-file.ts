import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { canonicalJson, type GradeInput as GradeFacts, gradeTrace, parseRubricFile } from "@ringside/grading";
import { readProgramSymbols } from "@ringside/image";
import { functionTableSchema, structureTableSchema } from "@ringside/shared";
import { parseSymbols, verifyTrace } from "@ringside/trace";
import { TRACE_STORE_BYTES_MAX } from "../limits.ts";
import type { GradeInput } from "./grader.ts";

/** What an image knows of its kernel and programs. */
export type GradeTables = Pick<GradeFacts, "symbols" | "functions" | "structures" | "program" | "aliases">;

/** Reads an image's tables: the same for all submissions of a lab, so that whoever grades many keeps them. */
export async function readTables(input: GradeInput): Promise<GradeTables> {
  const { structures, aliases } = input;
  const program = input.program === null ? null : await readProgramSymbols(input.program);
  return {
    symbols: parseSymbols(await readFile(input.symbols, "utf8")),
    functions: functionTableSchema.parse(JSON.parse(await readFile(input.functions, "utf8"))),
    structures: structures === null ? [] : structureTableSchema.parse(JSON.parse(await readFile(structures, "utf8"))),
    program: program === null ? undefined : parseSymbols(program),
    aliases,
  };
}

/** Reads what a grade is made from, and grades. @returns canonical JSON: the same bytes for the same files */
export async function gradeFile(input: GradeInput): Promise<string> {
  return gradeWith(input, await readTables(input));
}

/** The same with tables that were read before. */
export async function gradeWith(input: GradeInput, tables: GradeTables): Promise<string> {
  const { rubric, traceDigest, answers, expected, soFar } = input;
  const trace = await verifyTrace(createReadStream(input.trace), { bytesMax: TRACE_STORE_BYTES_MAX });
  return canonicalJson(
    gradeTrace({
      trace,
      rubric: parseRubricFile(rubric.file, rubric.text),
      rubricDigest: rubric.digest,
      traceDigest,
      ...tables,
      answers,
      expected,
      soFar,
    }),
  );
}
