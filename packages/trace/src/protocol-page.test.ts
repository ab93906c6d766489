import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { TEST_KEYS, TraceBuilder } from "./testing/trace-builder.ts";

const RUN_MS = 60_000;
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rs-page-"));
  const page = await readFile(new URL("../../../docs/protocol.md", import.meta.url), "utf8");
  const [, program = ""] = /```python\n(.*?)```/s.exec(page) ?? [];
  await writeFile(join(folder, "check.py"), program);
  await writeFile(join(folder, "keys.json"), JSON.stringify({ keys: TEST_KEYS }));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs the page's own program. @returns what it printed, or null where it ended with an error */
async function check(bytes: Uint8Array): Promise<string | null> {
  await writeFile(join(folder, "trace.jsonl"), bytes);
  const args = ["check.py", "trace.jsonl", "keys.json"];
  return promisify(execFile)("python3", args, { cwd: folder, timeout: RUN_MS }).then(
    ({ stdout }) => stdout,
    () => null,
  );
}

const build = () => {
  const trace = new TraceBuilder();
  trace.add({ type: "gdb.packet", connection: 1, data: "g\xff" }, { type: "console.output", data: "x" });
  return trace;
};

it("the program on the protocol's page finds a signed trace right, and nothing else", {
  timeout: 3 * RUN_MS,
}, async () => {
  const { bytes, lines } = build().seal();
  expect(await check(bytes)).toMatch(/^intact: 4 events\n.*Verified Successfully/is);
  expect(await check(Buffer.from(lines.join("").replace('"x"', '"y"')))).toBeNull();
  const [seal = ""] = lines.slice(-1);
  const other = build();
  other.add({ type: "gdb.interrupt", connection: 1 });
  other.addBody(seal.slice(0, seal.indexOf(',"hash"')).replace('"seq":3,"t":3', '"seq":4,"t":4'));
  expect(await check(other.bytes)).toBeNull();
  expect(await check(build().seal(null).bytes)).toBeNull();
});
