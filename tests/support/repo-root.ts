import path from "node:path";

/** Root of the checkout. */
export const repoRoot = path.resolve(import.meta.dirname, "../..");
