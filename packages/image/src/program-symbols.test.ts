import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readProgramSymbols } from "./program-symbols.ts";
import { runRecipe } from "./recipe-process.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rs-symbols-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const SOURCE = `
int counter = 1;
static int hidden(int n) { return n + counter; }
int __listen(int n) { return hidden(n); }
int listen(int n) __attribute__((weak, alias("__listen")));
void _start(void) { __listen(1); }
`;

async function build(...flags: readonly string[]): Promise<string> {
  const [source, program] = [join(folder, "one.c"), join(folder, `one${flags.join("")}`)];
  await writeFile(source, SOURCE);
  await runRecipe({
    command: "gcc",
    args: ["-O0", "-nostdlib", "-static", "-no-pie", ...flags, "-o", program, source],
    logFile: join(folder, "log"),
    priority: "usual",
    signal: AbortSignal.timeout(60_000),
    onProgress: () => undefined,
  });
  return program;
}

const addressOf = (text: string, name: string) => new RegExp(`^([0-9a-f]{16}) \\w ${name}$`, "m").exec(text)?.[1];

test.each([["-m64"], ["-m32"]])("a program's functions and variables are told as nm does (%s)", async (width) => {
  const text = (await readProgramSymbols(await build(width))) ?? "";
  expect(text).toMatch(/^[0-9a-f]{16} T __listen$/m);
  expect(text).toMatch(/^[0-9a-f]{16} W listen$/m);
  expect(text).toMatch(/^[0-9a-f]{16} t hidden$/m);
  expect(text).toMatch(/^[0-9a-f]{16} D counter$/m);
  expect(addressOf(text, "listen")).toBe(addressOf(text, "__listen"));
});

test("a stripped program, and what is no program, have none", async () => {
  expect(await readProgramSymbols(await build("-s"))).toBeNull();
  const text = join(folder, "text");
  await writeFile(text, "no program");
  expect(await readProgramSymbols(text)).toBeNull();
});

test("a program that is cut anywhere has some of its symbols or none", async () => {
  const whole = await readFile(await build("-m64"));
  for (let bytes = 0; bytes < whole.length; bytes += Math.ceil(whole.length / 200)) {
    const cut = join(folder, "cut");
    await writeFile(cut, whole.subarray(0, bytes));
    expect((await readProgramSymbols(cut)) ?? "0000000000000000 T none\n").toMatch(/^[0-9a-f]{16} [TtWDd] \S+\n/);
  }
});
