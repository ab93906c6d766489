import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { findOracle, keepOracle } from "./oracle-store.ts";
import { ORACLE } from "./testing/oracle.ts";

let cache: string;

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "rs-oracle-"));
});
afterEach(() => rm(cache, { recursive: true, force: true }));

const { image, labDigest } = ORACLE;

it("an oracle is found by its image and its lab, and by no other", async () => {
  expect(await findOracle(cache, image.digest, labDigest)).toBeNull();
  await keepOracle(cache, ORACLE);
  expect(await findOracle(cache, image.digest, labDigest)).toEqual(ORACLE);
  expect(await findOracle(cache, labDigest, labDigest)).toBeNull();
  expect(await findOracle(cache, image.digest, image.digest)).toBeNull();
});

it("a later one takes the place of the one before, and nothing else is left", async () => {
  await keepOracle(cache, { ...ORACLE, stopsLeftOut: 1 });
  await keepOracle(cache, ORACLE);
  expect(await findOracle(cache, image.digest, labDigest)).toEqual(ORACLE);
  expect(await readdir(join(cache, "oracles"))).toHaveLength(1);
});

it.each(["no JSON", "{}", ""])("a file that holds %j is as good as none", async (text) => {
  await writeFile(await keepOracle(cache, ORACLE), text);
  expect(await findOracle(cache, image.digest, labDigest)).toBeNull();
});
