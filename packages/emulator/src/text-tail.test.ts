import { expect, test } from "vitest";
import { TextTail } from "./text-tail.ts";

test("only the last bytes are kept, without control characters", () => {
  const tail = new TextTail(8);
  for (const part of ["0123456789", "ab\u001b[", "c\n"]) tail.push(Buffer.from(part));
  expect(tail.toString()).toBe("89ab [c");
  const large = new TextTail(4);
  large.push(Buffer.alloc(1_000_000, "x"));
  expect(large.toString()).toBe("xxxx");
});
