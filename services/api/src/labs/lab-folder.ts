import { createHash } from "node:crypto";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { parseLabFile, parseLabTable, tableNames, tableProblem } from "@ringside/grading";
import { type LabFile, type LabTables, labSlugSchema, RingsideError } from "@ringside/shared";
import { type RubricFile, readRubric } from "../grades/rubric.ts";
import { LAB_FILE_BYTES_MAX, LAB_SETTLED_MS, LABS_MAX, RUBRIC_FILE_BYTES_MAX } from "../limits.ts";

/**
 * The labs that this server knows: folders with `lab.yaml`, `rubric.yaml` and the tables that the former names, read
 * anew whenever they may have changed, and parsed anew when their bytes have. A lab with a mistake is `lab_invalid`,
 * with the file and the place; the other labs go on.
 */
export interface LabDefinition {
  readonly lab: string;
  readonly file: LabFile;
  readonly rubric: RubricFile;
  readonly tables: LabTables;
}

const LAB_FILE = "lab.yaml";
const RUBRIC_FILE = "rubric.yaml";
const tableFile = (table: string) => `${table}.yaml`;

interface CachedLab {
  readonly digest: string;
  readonly definition: LabDefinition;
  /** Of its files when they were read; null where they had been written just then. */
  readonly state: string | null;
}

export class LabFolder {
  readonly #folder: string;
  readonly #cache = new Map<string, CachedLab>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Slugs of all labs in the folder, valid or not, in order. */
  async slugs(): Promise<readonly string[]> {
    const entries = await readdir(this.#folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && labSlugSchema.safeParse(entry.name).success)
      .map((entry) => entry.name)
      .sort()
      .slice(0, LABS_MAX);
  }

  /**
   * @throws RingsideError not_found where there is no such lab, lab_invalid where its files are not valid
   */
  async load(lab: string): Promise<LabDefinition> {
    const slug = labSlugSchema.safeParse(lab);
    if (!slug.success) {
      throw new RingsideError("not_found");
    }
    const known = this.#cache.get(slug.data);
    const files = filesOf(known?.definition);
    const state = await this.#stateOf(slug.data, files);
    if (known !== undefined && state !== null && known.state === state) {
      return known.definition;
    }
    const labText = await this.#read(slug.data, LAB_FILE, LAB_FILE_BYTES_MAX);
    if (labText === null) {
      throw new RingsideError("not_found", { message: `This server has no lab ${slug.data}` });
    }
    const rubricText = await this.#need(slug.data, RUBRIC_FILE, RUBRIC_FILE_BYTES_MAX);
    const file = parseLabFile(`${slug.data}/${LAB_FILE}`, labText);
    const tables = await this.#tables(slug.data, file);
    const digest = digestOf([labText, rubricText, ...tables.map(({ text }) => text)]);
    const definition = known?.digest === digest ? known.definition : parse(slug.data, file, rubricText, tables);
    // The state is that of the files which were known then: another lab.yaml may name other tables.
    const isWhole = filesOf(definition).join() === files.join();
    this.#cache.set(slug.data, { digest, definition, state: isWhole ? state : null });
    return definition;
  }

  async #tables(lab: string, file: LabFile): Promise<readonly TableText[]> {
    const texts: TableText[] = [];
    for (const table of tableNames(file)) {
      texts.push({ table, text: await this.#need(lab, tableFile(table), LAB_FILE_BYTES_MAX) });
    }
    return texts;
  }

  /** What tells one version of a lab's files from another; null where one is missing, or so new that it cannot tell. */
  async #stateOf(lab: string, names: readonly string[]): Promise<string | null> {
    const settledAt = Date.now() - LAB_SETTLED_MS;
    try {
      const files = await Promise.all(names.map((name) => stat(join(this.#folder, lab, name))));
      if (files.some(({ ctimeMs }) => ctimeMs > settledAt)) {
        return null;
      }
      return files.map(({ ino, size, mtimeMs, ctimeMs }) => [ino, size, mtimeMs, ctimeMs].join(" ")).join(", ");
    } catch {
      return null; // reading them says what is wrong
    }
  }

  async #need(lab: string, name: string, bytesMax: number): Promise<string> {
    const text = await this.#read(lab, name, bytesMax);
    if (text === null) {
      throw invalid(lab, name, "is missing");
    }
    return text;
  }

  async #read(lab: string, name: string, bytesMax: number): Promise<string | null> {
    const path = join(this.#folder, lab, name);
    let file: Awaited<ReturnType<typeof open>>;
    try {
      file = await open(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") {
        return null;
      }
      throw error;
    }
    try {
      const buffer = Buffer.alloc(bytesMax + 1);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
      if (bytesRead > bytesMax) {
        throw invalid(lab, name, `is larger than ${bytesMax} bytes`);
      }
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await file.close();
    }
  }
}

interface TableText {
  readonly table: string;
  readonly text: string;
}

/** The files that a lab is read from. */
function filesOf(definition: LabDefinition | undefined): readonly string[] {
  return [LAB_FILE, RUBRIC_FILE, ...Object.keys(definition?.tables ?? {}).map(tableFile)];
}

function digestOf(texts: readonly string[]): string {
  return createHash("sha256").update(texts.join("\0")).digest("hex");
}

function parse(lab: string, file: LabFile, rubricText: string, texts: readonly TableText[]): LabDefinition {
  const tables = Object.fromEntries(
    texts.map(({ table, text }) => [table, parseLabTable(`${lab}/${tableFile(table)}`, text)]),
  );
  const problem = tableProblem(file, tables);
  if (problem !== null) {
    throw invalid(lab, LAB_FILE, problem);
  }
  return { lab, file, tables, rubric: readRubric(`${lab}/${RUBRIC_FILE}`, rubricText) };
}

function invalid(lab: string, file: string, problem: string): RingsideError {
  return new RingsideError("lab_invalid", { message: `${lab}/${file}: ${problem}` });
}
