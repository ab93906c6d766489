import { type LabFile, labFileSchema } from "@ringside/shared";
import { readYaml } from "./yaml-file.ts";

/**
 * Reads a `lab.yaml`.
 * @param file its name, for messages
 * @throws RingsideError lab_invalid with file, line and what is wrong
 */
export function parseLabFile(file: string, text: string): LabFile {
  return readYaml(file, text, labFileSchema);
}
