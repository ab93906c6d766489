import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TarIndex } from "./tar-index.ts";

const LONG = `${"a-long-folder/".repeat(12)}file.c`;
const FILES: Readonly<Record<string, string>> = {
  "net/socket.c": "int socket;\n",
  "empty.h": "",
  "block.h": "x".repeat(512),
  [LONG]: "int far;\n",
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ringside-tar-"));
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(join(folder, "tree", name, ".."), { recursive: true });
    writeFileSync(join(folder, "tree", name), text);
  }
  symlinkSync("/etc/passwd", join(folder, "tree", "link.h"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function archive(format: string): Buffer {
  const path = join(folder, `${format}.tar`);
  execFileSync("tar", ["-cf", path, `--format=${format}`, "-C", join(folder, "tree"), "."]);
  return readFileSync(path);
}

describe("TarIndex", () => {
  it.each(["gnu", "ustar"])("finds the files of a %s archive, however it is cut", (format) => {
    const bytes = archive(format);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3_000 }), { maxLength: 30 }), (cuts) => {
        const index = new TarIndex();
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          index.push(bytes.subarray(at, at + cut));
          at += cut;
        }
        const found = [...index.entries].map(([name, entry]) => [
          name,
          bytes.toString("latin1", entry.offset, entry.offset + entry.bytes),
        ]);
        expect(Object.fromEntries(found)).toEqual(FILES);
      }),
      { numRuns: 50 },
    );
  });

  it("refuses what is no archive, and never fails otherwise", () => {
    expect(() => new TarIndex().push(Buffer.alloc(512, 1))).toThrow(/no tar archive/);
    const bytes = archive("gnu");
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 20 }), (changes) => {
        const damaged = Buffer.from(bytes);
        for (const [at, value] of changes) {
          damaged[at] = value;
        }
        try {
          new TarIndex().push(damaged);
        } catch (error) {
          expect(error).toMatchObject({ code: "internal" });
        }
      }),
    );
  });
});
