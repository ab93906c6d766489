import { expect, test } from "vitest";
import { Turns } from "./turns.ts";

test("work on one key is done in order, also after a failure; other keys do not wait", async () => {
  const turns = new Turns();
  const done: string[] = [];
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const first = turns.take("a", async () => {
    await gate;
    done.push("first");
    throw new Error("first failed");
  });
  const second = turns.take("a", async () => done.push("second"));
  await turns.take("b", async () => done.push("other"));
  open();
  await expect(first).rejects.toThrow("first failed");
  await second;
  expect(done).toEqual(["other", "first", "second"]);
});
