import { generateKeyPairSync, randomUUID } from "node:crypto";
import { link, mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { RingsideError } from "@ringside/shared";
import { type SealSigner, sealSigner } from "@ringside/trace";

/** Below the data folder. */
export const SEAL_KEY_FILE = join("keys", "seal.pem");

/**
 * The key that this cell signs its traces with: `<data>/keys/seal.pem`, made where there is none. Several processes
 * may begin at once; all get the same key.
 * @throws RingsideError internal where the file holds no such key: it is never made anew by itself
 */
export async function ensureSealKey(dataDirectory: string): Promise<SealSigner> {
  const path = join(dataDirectory, SEAL_KEY_FILE);
  const text = (await readIfThere(path)) ?? (await makeKey(path));
  try {
    return sealSigner(text);
  } catch (cause) {
    throw new RingsideError("internal", {
      message: `${path} holds no Ed25519 private key: put it back, or move it away and a new one is made`,
      cause,
    });
  }
}

async function makeKey(path: string): Promise<string> {
  const folder = join(path, "..");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { privateKey } = generateKeyPairSync("ed25519");
  const fresh = join(folder, `${randomUUID()}.new`);
  try {
    await writeLasting(fresh, privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    // A link, and no rename: it does not take the place of a key that another process has just made.
    await link(fresh, path).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== "EEXIST") throw cause;
    });
  } finally {
    await rm(fresh, { force: true });
  }
  return readFile(path, "utf8");
}

async function writeLasting(path: string, text: string): Promise<void> {
  await using file = await open(path, "wx", 0o600);
  await file.writeFile(text);
  await file.sync();
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw cause;
  });
}
