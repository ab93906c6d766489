import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type LabOracle, labOracleSchema } from "@ringside/shared";

/** Oracles in the image cache: one for each image and state of a lab, made by `ringside lab check`. */
const folderOf = (cacheDir: string): string => join(cacheDir, "oracles");
const fileOf = (cacheDir: string, image: string, labDigest: string): string =>
  join(folderOf(cacheDir), `${image}-${labDigest}.json`);

/** The oracle of that image and lab; null where none was made, or a file there is not one. */
export async function findOracle(cacheDir: string, image: string, labDigest: string): Promise<LabOracle | null> {
  const text = await readFile(fileOf(cacheDir, image, labDigest), "utf8").catch(() => null);
  if (text === null) return null;
  try {
    const parsed = labOracleSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** Keeps an oracle, in place of the one before. @returns its file */
export async function keepOracle(cacheDir: string, oracle: LabOracle): Promise<string> {
  const file = fileOf(cacheDir, oracle.image.digest, oracle.labDigest);
  await mkdir(folderOf(cacheDir), { recursive: true });
  const temporary = `${file}.${randomUUID()}`;
  await writeFile(temporary, oracleJson(oracle));
  await rename(temporary, file);
  return file;
}

/** An oracle as it is kept and written. */
export const oracleJson = (oracle: LabOracle): string => `${JSON.stringify(oracle, null, 1)}\n`;
