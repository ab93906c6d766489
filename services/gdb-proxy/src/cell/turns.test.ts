import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Turns } from "./turns.ts";

describe("turns", () => {
  it("are taken one at a time and in order for one thing, whatever fails, and are forgotten afterwards", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(fc.boolean(), { maxLength: 8 }), async (scheduler, fails) => {
        const turns = new Turns(8);
        const log: string[] = [];
        const all = fails.map(async (fail, i) =>
          turns.take("a", async () => {
            log.push(`${i} begins`);
            await scheduler.schedule(Promise.resolve());
            log.push(`${i} ends`);
            if (fail) throw new Error("failed");
          }),
        );
        const settled = Promise.allSettled(all);
        await scheduler.waitFor(settled);
        expect((await settled).map(({ status }) => status === "rejected")).toEqual(fails);
        expect(log).toEqual(fails.flatMap((_fail, i) => [`${i} begins`, `${i} ends`]));
      }),
    );
  });

  it("are refused where too many wait, and of another thing are not", async () => {
    const turns = new Turns(2);
    const hold = Promise.withResolvers<void>();
    const both = [turns.take("a", () => hold.promise), turns.take("a", () => hold.promise)];
    await expect(turns.take("a", () => hold.promise)).rejects.toMatchObject({ code: "rate_limited" });
    await turns.take("b", async () => undefined);
    hold.resolve();
    await Promise.all(both);
    await turns.take("a", async () => undefined);
  });
});
