import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Lane } from "./lane.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("a lane", () => {
  it("never runs more than its number, keeps the order and ends with everybody served", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.record({ turns: fc.nat(3), fails: fc.boolean() }), { maxLength: 30 }),
        async (atOnce, calls) => {
          const lane = new Lane(atOnce, 100);
          const begun: number[] = [];
          let running = 0;
          let most = 0;
          const results = await Promise.allSettled(
            calls.map(({ turns, fails }, index) =>
              lane.run(async () => {
                begun.push(index);
                running += 1;
                most = Math.max(most, running);
                for (let n = 0; n < turns; n += 1) await turn();
                running -= 1;
                if (fails) throw new Error("fails");
                return index;
              }),
            ),
          );
          expect(begun).toEqual(calls.map((_, index) => index));
          expect(most).toBeLessThanOrEqual(atOnce);
          expect(results.map(({ status }) => status === "rejected")).toEqual(calls.map(({ fails }) => fails));
        },
      ),
    );
  });

  it("refuses whom it has no room for, and has room again afterwards", async () => {
    const lane = new Lane(1, 1);
    const release = Promise.withResolvers<void>();
    const first = lane.run(() => release.promise);
    const second = lane.run(async () => "second");
    await expect(lane.run(async () => "third")).rejects.toMatchObject({ code: "store_unavailable" });
    release.resolve();
    await first;
    expect(await second).toBe("second");
    expect(await lane.run(async () => "fourth")).toBe("fourth");
  });
});
