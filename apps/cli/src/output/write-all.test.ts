import { PassThrough, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { writeAll } from "./write-all.ts";

const never = new AbortController().signal;

/** Pieces that count how many were asked for. */
function counted(most: number): { readonly pieces: Iterable<string>; readonly given: () => number } {
  let given = 0;
  const pieces = (function* () {
    while (given < most) {
      given += 1;
      yield "a line of sixteen\n";
    }
  })();
  return { pieces, given: () => given };
}

test("all pieces arrive, and no more are made than their reader takes", async () => {
  const { pieces, given } = counted(5_000);
  const stream = new PassThrough({ highWaterMark: 1_000 });
  const writing = writeAll(stream, pieces, never).then(() => stream.end());
  await new Promise((resolve) => setImmediate(resolve));
  expect(given()).toBeLessThan(200);
  expect(await text(stream)).toHaveLength(5_000 * 18);
  await writing;
});

test("a reader that goes away ends it quietly", async () => {
  const { pieces, given } = counted(1_000_000);
  const stream = new Writable({
    highWaterMark: 10,
    write: (_chunk, _encoding, done) => done(Object.assign(new Error("gone"), { code: "EPIPE" })),
  });
  stream.on("error", () => undefined);
  await writeAll(stream, pieces, never);
  expect(given()).toBeLessThan(10);
});

test("a signal ends it with its reason", async () => {
  const stopping = new AbortController();
  const stream = new Writable({ highWaterMark: 1, write: () => undefined });
  const writing = writeAll(stream, counted(1_000).pieces, stopping.signal);
  stopping.abort(new Error("enough"));
  await expect(writing).rejects.toThrow("enough");
});
