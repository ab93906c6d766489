import { createHash } from "node:crypto";

/** What the control groups of a cell are called by. Cells of one name may be on one host, in directories of their own. */
export function groupName(cell: string, runDirectory: string): string {
  return `${cell}-${createHash("sha256").update(runDirectory).digest("hex").slice(0, 12)}`;
}
