import { readFile } from "node:fs/promises";
import { bilingualSchema } from "@ringside/shared";
import { parseSymbols } from "@ringside/trace";
import { describe, expect, it } from "vitest";
import { cacheDirectory, findImage, imagePath, loadImage } from "../../image/src/index.ts";
import { parseLabTable } from "./lab-tables.ts";

/** The table of the lab syscall-by-number against what the system's headers and the course's kernel say. */
const LAB = new URL("../../../course/labs/syscall-by-number/", import.meta.url);
const { rows } = parseLabTable("targets.yaml", await readFile(new URL("targets.yaml", LAB), "utf8"));
const numbers64 = await headerNumbers("unistd_64.h");
const numbers32 = await headerNumbers("unistd_32.h");

/** Numbers of system calls by their names, in this system's copy of the kernel's headers. */
async function headerNumbers(file: string): Promise<ReadonlyMap<string, number>> {
  const text = await readFile(`/usr/include/x86_64-linux-gnu/asm/${file}`, "utf8");
  return new Map(
    [...text.matchAll(/^#define __NR_(\w+) (\d+)$/gm)].map(([, name = "", number]) => [name, Number(number)]),
  );
}

describe("the system calls of student numbers", () => {
  it("are there for 00 to 99, in order", () => {
    expect(rows.map(({ digits }) => digits)).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });

  it("have the numbers of the kernel's headers, in both tables", () => {
    for (const { digits, number, call, number32, call32 } of rows) {
      expect([digits, numbers64.get(String(call))]).toEqual([digits, number]);
      expect([digits, numbers32.get(String(call32))]).toEqual([digits, number32]);
    }
  });

  it("are those of the digits, or say why not; the same call in both tables, or say why not", () => {
    for (const { digits, number, call, call32, why, why32 } of rows) {
      expect([digits, number !== digits]).toEqual([digits, why !== undefined]);
      expect([digits, call !== call32]).toEqual([digits, why32 !== undefined]);
      for (const reason of [why, why32]) if (reason !== undefined) bilingualSchema.parse(reason);
    }
  });

  it("replace only calls that do not return to their caller", () => {
    const replaced = rows.filter(({ why }) => why !== undefined).map(({ digits }) => digits);
    expect(replaced).toEqual(["rt_sigreturn", "pause", "exit"].map((name) => numbers64.get(name)));
  });

  it("have handlers that the course's kernel has, of those calls", async () => {
    const folder = await findImage(cacheDirectory(process.env), "linux-x86_64");
    if (folder === null) throw new Error("The image linux-x86_64 is not built: run `ringside image build`");
    const symbols = parseSymbols(await readFile(imagePath(await loadImage(folder), "symbols"), "utf8"));
    for (const { handler, handler32 } of rows) {
      for (const name of [String(handler), String(handler32)]) {
        expect([name, symbols.addressesOf(name).length > 0]).toEqual([name, true]);
      }
    }
  });

  it("are listed in both handouts where they are not the obvious ones", async () => {
    for (const [file, language] of [
      ["handout.md", "en"],
      ["handout.zh.md", "zh"],
    ] as const) {
      const handout = await readFile(new URL(file, LAB), "utf8");
      for (const { digits, why } of rows) {
        if (typeof why !== "object") continue;
        expect(handout.replaceAll(/\s+/g, " ")).toContain(why[language]);
        expect(handout).toContain(`| ${String(digits).padStart(2, "0")} |`);
      }
    }
  });
});
