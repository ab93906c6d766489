import fc from "fast-check";
import { expect, test } from "vitest";
import { LineSplitter } from "./lines.ts";

test("the same lines come out however the bytes are cut", () => {
  const line = fc.string({ unit: "binary", maxLength: 20 }).map((text) => text.replaceAll(/[\r\n]/g, ""));
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat(400)), (lines, cuts) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(""));
      const splitter = new LineSplitter(1_000);
      const out: string[] = [];
      const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
      for (let i = 1; i < edges.length; i++) {
        out.push(...(splitter.push(bytes.subarray(edges[i - 1], edges[i])) ?? ["too long"]));
      }
      expect(out).toEqual(lines);
    }),
  );
});

test("a line may be as long as the limit and not a byte longer, ended or not", () => {
  expect(new LineSplitter(3).push(Buffer.from("abc\n"))).toEqual(["abc"]);
  expect(new LineSplitter(3).push(Buffer.from("abcd\n"))).toBeNull();
  expect(new LineSplitter(3).push(Buffer.from("abcd"))).toBeNull();
});

test("a carriage return before the newline is dropped", () => {
  expect(new LineSplitter(9).push(Buffer.from("a\r\nb\n"))).toEqual(["a", "b"]);
});
