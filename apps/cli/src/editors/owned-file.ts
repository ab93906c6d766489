import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * A file that `ringside init` writes into a folder of the user's. Its first line says so and has a digest of the rest:
 * a file that somebody else wrote, or changed since, is never touched.
 */
export interface OwnedFile {
  readonly path: string;
  /** How a comment begins in it. */
  readonly comment: "#" | "//";
  readonly text: string;
}

export type Outcome =
  | "written"
  /** It was there and is as it should be. */
  | "unchanged"
  /** It is somebody else's. */
  | "left alone";

const WORDS = "Written by `ringside init`, which renews it as long as nothing below is changed:";
const DIGEST_CHARS = 16;

const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, DIGEST_CHARS);

/** Writes the file, unless one is there that is not ours. */
export async function writeOwned({ path, comment, text }: OwnedFile): Promise<Outcome> {
  const content = `${comment} ${WORDS} ${digestOf(text)}\n${text}`;
  const before = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return null;
    throw cause;
  });
  if (before === content) return "unchanged";
  if (before !== null && !isOurs(before, comment)) return "left alone";
  await mkdir(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}.new`;
  try {
    await writeFile(fresh, content, { flag: "wx" });
    await rename(fresh, path);
  } finally {
    await rm(fresh, { force: true });
  }
  return "written";
}

function isOurs(content: string, comment: string): boolean {
  const end = content.indexOf("\n");
  return content.slice(0, end) === `${comment} ${WORDS} ${digestOf(content.slice(end + 1))}`;
}
