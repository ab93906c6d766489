import { RingsideError } from "@ringside/shared";
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import type { z } from "zod";
import { PROBLEMS_MAX, YAML_BYTES_MAX, YAML_NESTING_MAX } from "./limits.ts";

/**
 * Reads a YAML file that people wrote, into what its schema says. Every problem is told with file, line,
 * place and what would be right. Files are bounded in size and nesting, and aliases (`*name`) are refused:
 * a few lines of them can stand for gigabytes.
 */
export interface Problem {
  readonly line: number;
  readonly column: number;
  /** Such as `checks[2].when`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

type Path = readonly PropertyKey[];

const TOO_DEEP = `more than ${YAML_NESTING_MAX} maps and lists inside each other`;

/**
 * @param file the file's name, for messages
 * @throws RingsideError lab_invalid with every problem (at most PROBLEMS_MAX) in the message and in `details.problems`
 */
export function readYaml<T>(file: string, text: string, schema: z.ZodType<T>): T {
  if (Buffer.byteLength(text) > YAML_BYTES_MAX) {
    throw invalid(file, [{ line: 1, column: 1, path: "", message: `larger than ${YAML_BYTES_MAX} bytes` }]);
  }
  const lines = new LineCounter();
  const document = parse(file, text, lines);
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const syntax = [...document.errors, ...document.warnings].map((error) => ({
    ...at(error.pos[0]),
    path: "",
    message: error.message,
  }));
  if (syntax.length > 0) throw invalid(file, syntax);
  const refused = refuse(document.contents, [], 0);
  if (refused !== null)
    throw invalid(file, [{ ...at(refused.offset), path: written(refused.path), message: refused.why }]);
  const parsed = schema.safeParse(document.toJS({ maxAliasCount: 0 }));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const path = issue.code === "unrecognized_keys" ? [...issue.path, ...issue.keys.slice(0, 1)] : issue.path;
    return { ...at(offsetOf(document, path)), path: written(path), message: issue.message };
  });
  throw invalid(file, problems);
}

/** The parser recurses, and reports its stack's end as an error of the text. */
const STACK_ENDED = /call stack/;

function parse(file: string, text: string, lineCounter: LineCounter): Document.Parsed {
  const document = parseDocument(text, {
    lineCounter,
    prettyErrors: false,
    strict: true,
    uniqueKeys: true,
    merge: false,
  });
  if (!document.errors.some(({ message }) => STACK_ENDED.test(message))) return document;
  throw invalid(file, [{ line: 1, column: 1, path: "", message: TOO_DEEP }]);
}

interface Refusal {
  readonly offset: number;
  readonly path: Path;
  readonly why: string;
}

function refuse(node: unknown, path: Path, depth: number): Refusal | null {
  const offset = (node as Node | null)?.range?.[0] ?? 0;
  if (isAlias(node)) return { offset, path, why: "aliases (*name) are not allowed: write the value out" };
  if (!isMap(node) && !isSeq(node)) return null;
  if (depth === YAML_NESTING_MAX) {
    return { offset, path, why: TOO_DEEP };
  }
  if (isSeq(node)) return firstRefusal(node.items, (item, index) => refuse(item, [...path, index], depth + 1));
  return firstRefusal(node.items, ({ key, value }) => {
    const name = isScalar(key) ? String(key.value) : "?";
    if (!isScalar(key)) return { offset, path, why: "a key must be a plain word" };
    return refuse(value, [...path, name], depth + 1);
  });
}

function firstRefusal<T>(items: readonly T[], check: (item: T, index: number) => Refusal | null): Refusal | null {
  for (const [index, item] of items.entries()) {
    const refusal = check(item, index);
    if (refusal !== null) return refusal;
  }
  return null;
}

/** Where the path leads in the text, as far as it exists there. */
function offsetOf(document: Document.Parsed, path: Path): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0] ?? 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (pair === undefined) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}

function written(path: Path): string {
  return path
    .map((step, i) => (typeof step === "number" ? `[${step}]` : `${i > 0 ? "." : ""}${String(step)}`))
    .join("");
}

function invalid(file: string, problems: readonly Problem[]): RingsideError {
  const told = problems.slice(0, PROBLEMS_MAX);
  const lines = told.map(({ line, column, path, message }) => {
    return `${file}:${line}:${column}: ${path === "" ? "" : `${path}: `}${message}`;
  });
  if (problems.length > told.length) lines.push(`… and ${problems.length - told.length} more`);
  return new RingsideError("lab_invalid", { message: lines.join("\n"), details: { file, problems: told } });
}
