import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sealKeySchema } from "@ringside/shared";
import { checkSignature, sealKeyName } from "@ringside/trace";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureSealKey, SEAL_KEY_FILE } from "./seal-key.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rs-key-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("a cell's key", () => {
  it("is made once, for its owner alone, and found again", async () => {
    const { key, publicKey, sign } = await ensureSealKey(folder);
    expect(await ensureSealKey(folder)).toMatchObject({ key, publicKey });
    expect(sealKeySchema.parse({ key, publicKey })).toEqual({ key, publicKey });
    expect(sealKeyName(Buffer.from(publicKey, "base64"))).toBe(key);
    const path = join(folder, SEAL_KEY_FILE);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, "keys"))).mode & 0o777).toBe(0o700);
    expect(await readFile(path, "utf8")).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    const signature = { key, value: sign("a text"), text: "a text" };
    expect(checkSignature(signature, "cell-1", [{ cell: "cell-1", key, publicKey, revoked: false }])).toBe("good");
  });

  it("is the same for all who begin at once, and nothing is left beside it", async () => {
    const keys = await Promise.all(Array.from({ length: 10 }, () => ensureSealKey(folder)));
    expect(new Set(keys.map(({ key }) => key)).size).toBe(1);
    expect(await readdir(join(folder, "keys"))).toEqual(["seal.pem"]);
  });

  it("that is damaged stops the cell, and is not made anew", async () => {
    await ensureSealKey(folder);
    const path = join(folder, SEAL_KEY_FILE);
    await writeFile(path, "");
    await expect(ensureSealKey(folder)).rejects.toThrow(`${path} holds no Ed25519 private key`);
    expect(await readFile(path, "utf8")).toBe("");
  });
});
