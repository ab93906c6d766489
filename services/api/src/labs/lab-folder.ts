import { createHash } from "node:crypto";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { parseLabFile } from "@ringside/grading";
import { type LabFile, labSlugSchema, RingsideError } from "@ringside/shared";
import { type RubricFile, readRubric } from "../grades/rubric.ts";
import { LAB_FILE_BYTES_MAX, LAB_SETTLED_MS, LABS_MAX, RUBRIC_FILE_BYTES_MAX } from "../limits.ts";

/**
 * The labs that this server knows: folders with `lab.yaml` and `rubric.yaml`, read anew whenever they may have
 * changed, and parsed anew when their bytes have. A lab with a mistake is `lab_invalid`, with the file and the place; the other labs go on.
 */
export interface LabDefinition {
  readonly lab: string;
  readonly file: LabFile;
  readonly rubric: RubricFile;
}

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
    const state = await this.#stateOf(slug.data);
    if (known !== undefined && state !== null && known.state === state) {
      return known.definition;
    }
    const labText = await this.#read(slug.data, "lab.yaml", LAB_FILE_BYTES_MAX);
    if (labText === null) {
      throw new RingsideError("not_found", { message: `This server has no lab ${slug.data}` });
    }
    const rubricText = await this.#read(slug.data, "rubric.yaml", RUBRIC_FILE_BYTES_MAX);
    if (rubricText === null) {
      throw invalid(slug.data, "rubric.yaml", "is missing");
    }
    const digest = createHash("sha256").update(labText).update("\0").update(rubricText).digest("hex");
    const definition = known?.digest === digest ? known.definition : this.#parse(slug.data, labText, rubricText);
    this.#cache.set(slug.data, { digest, definition, state });
    return definition;
  }

  #parse(lab: string, labText: string, rubricText: string): LabDefinition {
    return {
      lab,
      file: parseLabFile(`${lab}/lab.yaml`, labText),
      rubric: readRubric(`${lab}/rubric.yaml`, rubricText),
    };
  }

  /** What tells one version of a lab's files from another; null where one is missing, or so new that it cannot tell. */
  async #stateOf(lab: string): Promise<string | null> {
    const settledAt = Date.now() - LAB_SETTLED_MS;
    try {
      const files = await Promise.all(["lab.yaml", "rubric.yaml"].map((name) => stat(join(this.#folder, lab, name))));
      if (files.some(({ ctimeMs }) => ctimeMs > settledAt)) {
        return null;
      }
      return files.map(({ ino, size, mtimeMs, ctimeMs }) => [ino, size, mtimeMs, ctimeMs].join(" ")).join(", ");
    } catch {
      return null; // reading them says what is wrong
    }
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

function invalid(lab: string, file: string, problem: string): RingsideError {
  return new RingsideError("lab_invalid", { message: `${lab}/${file}: ${problem}` });
}
