import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseLabFile, parseRubricFile, type Rubric } from "@ringside/grading";
import { type LabFile, labSlugSchema, RingsideError } from "@ringside/shared";
import { CliError } from "../exit-codes.ts";
import { REFERENCE_SCRIPT } from "./run-lab.ts";

/** A lab as its folder has it. */
export interface LabFiles {
  readonly lab: string;
  readonly file: LabFile;
  readonly rubric: Rubric;
  readonly reference: string;
  /** sha256 over the names and contents of what a run of the lab depends on: its YAML files and its model solution. */
  readonly digest: string;
}

/** Files that say what the lab is; handouts do not. */
const isOfTheLab = (name: string): boolean => name.endsWith(".yaml") || name === REFERENCE_SCRIPT;

/**
 * Reads a lab's folder.
 * @throws CliError not_found where there is no such lab, failed with file and line where one of its files is wrong
 */
export async function readLabFiles(labsFolder: string, lab: string): Promise<LabFiles> {
  const folder = join(labsFolder, labSlugSchema.safeParse(lab).success ? lab : "-");
  const names = (await readdir(folder).catch(() => [])).filter(isOfTheLab).sort();
  for (const needed of ["lab.yaml", "rubric.yaml", REFERENCE_SCRIPT]) {
    if (!names.includes(needed)) throw new CliError("not_found", `The lab ${lab} has no ${needed} in ${labsFolder}`);
  }
  const texts = new Map<string, string>();
  for (const name of names) texts.set(name, await readFile(join(folder, name), "utf8"));
  const textOf = (name: string) => texts.get(name) ?? "";
  const hash = createHash("sha256");
  for (const [name, text] of texts) hash.update(`${name}\0${Buffer.byteLength(text)}\0${text}`);
  try {
    return {
      lab,
      file: parseLabFile(`${lab}/lab.yaml`, textOf("lab.yaml")),
      rubric: parseRubricFile(`${lab}/rubric.yaml`, textOf("rubric.yaml")),
      reference: textOf(REFERENCE_SCRIPT),
      digest: hash.digest("hex"),
    };
  } catch (cause) {
    if (cause instanceof RingsideError) throw new CliError("failed", cause.message, { code: cause.code, cause });
    throw cause;
  }
}
