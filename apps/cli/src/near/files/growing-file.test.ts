import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { GrowingFile } from "./growing-file.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ringside-growing-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const turn = () => new Promise((resolve) => setImmediate(resolve));

it("a file that grows in steps of any size is read whole and in order, and never before it is there", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 400 }),
      fc.array(fc.nat(400), { maxLength: 12 }),
      fc.integer({ min: 1, max: 64 }),
      fc.boolean(),
      async (content, steps, chunkBytes, isWhole) => {
        await using file = await open(join(folder, "file"), "w+");
        const growing = new GrowingFile(file, chunkBytes);
        const read: Buffer[] = [];
        let there = 0;
        const reading = (async () => {
          for await (const chunk of growing.bytes()) {
            read.push(Buffer.from(chunk));
            expect(Buffer.concat(read).length).toBeLessThanOrEqual(there);
          }
        })();
        reading.catch(() => undefined);
        for (const step of [...steps, ...(isWhole ? [content.length] : [])]) {
          const to = Math.min(step, content.length);
          if (to > there) await file.write(content, there, to - there, there);
          there = Math.max(there, to);
          growing.grown(to);
          await turn();
        }
        growing.ended(isWhole ? undefined : new Error("broken off"));
        if (isWhole) await reading;
        else await expect(reading).rejects.toThrow("broken off");
        expect(Buffer.concat(read).equals(content.subarray(0, there))).toBe(true);
      },
    ),
    { numRuns: 60 },
  );
});
