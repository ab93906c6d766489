import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readBuildId } from "./elf.ts";
import { SOURCE_TREES } from "./sources.ts";

const run = promisify(execFile);
let folder: string;
let program: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ringside-elf-"));
  program = join(folder, "program");
  await writeFile(join(folder, "program.c"), "int main(void) { return 0; }\n");
  await run("gcc", [`-Wl,--build-id=0x00112233445566778899aabbccddeeff00112233`, "-o", program, `${program}.c`]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("readBuildId", () => {
  it("finds the id that the linker wrote", async () => {
    expect(await readBuildId(program)).toBe("00112233445566778899aabbccddeeff00112233");
  });

  it("finds none where there is none", async () => {
    const bare = join(folder, "bare");
    await run("gcc", ["-Wl,--build-id=none", "-o", bare, `${program}.c`]);
    expect(await readBuildId(bare)).toBeNull();
    expect(await readBuildId(`${program}.c`)).toBeNull();
  });

  it("finds none, or some, in a damaged file, and never fails", async () => {
    const good = await readFile(program);
    const damaged = join(folder, "damaged");
    const damages = fc.array(fc.tuple(fc.nat(63), fc.nat(255)), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(damages, fc.nat(good.length), async (changes, length) => {
        const bytes = Buffer.from(good.subarray(0, length));
        for (const [at, value] of changes) if (at > 3 && at < length) bytes[at] = value;
        await writeFile(damaged, bytes);
        expect(await readBuildId(damaged)).toSatisfy((id) => id === null || typeof id === "string");
      }),
    );
  });
});

it.each([
  ["kernel", "kernels/build-kernel.sh"],
  ["programs", "initrd/build-initrd.sh"],
] as const)("the %s' debug information names the folder that the sources are served by", async (tree, path) => {
  const script = await readFile(new URL(`../../../course/${path}`, import.meta.url), "utf8");
  expect(script).toContain(`\nreadonly SOURCE_NAME=${SOURCE_TREES[tree].root}\n`);
  expect(script).toContain(`$out/${SOURCE_TREES[tree].archive}`);
});
