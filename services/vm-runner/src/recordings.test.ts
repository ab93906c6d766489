import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { readdir, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newId, recordingPath } from "@ringside/shared";
import { afterAll, expect, test } from "vitest";
import { RECORDINGS_KEEP_DAYS } from "./limits.ts";
import { Recordings } from "./recordings.ts";

const base = mkdtempSync(join(tmpdir(), "rs-rec-"));
const template = "d".repeat(64);
let count = 0;
afterAll(() => rmSync(base, { recursive: true, force: true }));

async function setup() {
  count += 1;
  const data = join(base, String(count));
  const recordings = await Recordings.open(data);
  const log = async (text: string): Promise<string> => {
    const path = join(base, `log-${newId("mch")}`);
    await writeFile(path, text);
    return path;
  };
  return { data, recordings, log };
}

test("a log is moved where the proxy looks for it, and described", async () => {
  const { data, recordings, log } = await setup();
  const session = newId("ses");
  const path = await log("two");
  await recordings.keep({ session, epoch: 2, template, whole: false, log: path });
  await recordings.keep({ session, epoch: 1, template, whole: true, log: await log("one") });
  await recordings.keep({ session: newId("ses"), epoch: 1, template, whole: true, log: await log("other") });
  const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
  expect(await recordings.of(session)).toEqual([
    { epoch: 1, sha256: sha256("one"), bytes: 3, template, whole: true },
    { epoch: 2, sha256: sha256("two"), bytes: 3, template, whole: false },
  ]);
  expect(await readdir(join(data, "recordings"))).toContain(recordingPath(session, 1).split("/").at(-1));
  expect(await readdir(base)).not.toContain(path.split("/").at(-1));
});

test("a machine that left no log, or an empty one, has no recording", async () => {
  const { recordings, log } = await setup();
  const session = newId("ses");
  for (const path of [join(base, "nothing"), await log("")]) {
    expect(await recordings.keep({ session, epoch: 1, template, whole: true, log: path })).toBeNull();
  }
  expect(await recordings.of(session)).toEqual([]);
});

test("a log whose head was never written is not whole, whatever its machine's end looked like", async () => {
  const { recordings, log } = await setup();
  const ended = { session: newId("ses"), epoch: 1, template, whole: true };
  expect(await recordings.keep({ ...ended, log: await log("\0\0\0\0rest") })).toMatchObject({ whole: false });
});

test("a description that does not parse is passed over", async () => {
  const { data, recordings, log } = await setup();
  const session = newId("ses");
  await recordings.keep({ session, epoch: 1, template, whole: true, log: await log("one") });
  await writeFile(join(data, `${recordingPath(session, 1)}.json`), "{");
  expect(await recordings.of(session)).toEqual([]);
});

test("logs that are too old go, and the templates of the others are named", async () => {
  const { data, recordings, log } = await setup();
  const [old, young] = [newId("ses"), newId("ses")];
  await recordings.keep({ session: old, epoch: 1, template: "e".repeat(64), whole: true, log: await log("one") });
  await recordings.keep({ session: young, epoch: 1, template, whole: true, log: await log("two") });
  const then = new Date(Date.now() - (RECORDINGS_KEEP_DAYS + 1) * 24 * 3_600_000);
  await utimes(join(data, recordingPath(old, 1)), then, then);
  expect([...(await recordings.sweep())]).toEqual([template]);
  expect([await recordings.of(old), (await recordings.of(young)).length]).toEqual([[], 1]);
});
