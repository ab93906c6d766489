import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteReader } from "./byte-reader.ts";

async function* each(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

test("however a stream is cut, counted bytes come out as they went in, and its end is seen", async () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(chunks, fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 12 }), async (parts, takes) => {
      const all = Buffer.concat(parts);
      const reader = new ByteReader(each(parts));
      let at = 0;
      for (const bytes of takes) {
        if (at + bytes > all.length) {
          await expect(reader.take(bytes)).rejects.toThrow("ends too early");
          return;
        }
        expect((await reader.take(bytes)).equals(all.subarray(at, at + bytes))).toBe(true);
        at += bytes;
      }
      expect(await reader.atEnd()).toBe(at === all.length);
    }),
  );
});
