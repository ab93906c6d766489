import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Path } from "../../apps/cli/src/bench/link/path.ts";
import { differences, TransparencyBed } from "./transparency-run.ts";
import { groups } from "./transparency-scripts.ts";

// gdb's users must not see a difference between a machine's own stub and Ringside's ways to it. That this can fail is
// shown by transparency-control.test.ts.
let bed: TransparencyBed;
/**
 * What a guest's interrupts leave on its stacks, and a single step of QEMU's that does not step, differ between any two
 * machines. A script that differs is run again with its group on other machines; what a link does comes back each time.
 */
const TRIES = 3;
const GROUP_MS = 240_000;
const WAYS: readonly Exclude<Path, "plain">[] = ["tcp", "agent"];

beforeAll(async () => {
  bed = await TransparencyBed.open();
});

afterAll(() => bed[Symbol.asyncDispose]());

describe("gdb prints the same as straight to the stub", () => {
  it("with at least forty scripts", () => {
    expect(groups(bed.surroundings).flatMap(({ scripts }) => scripts).length).toBeGreaterThanOrEqual(40);
  });

  for (const group of groups({ menuos: "", folder: "", kernelScripts: "" })) {
    it(
      group.name,
      async () => {
        const scripts = groups(bed.surroundings).find(({ name }) => name === group.name) ?? group;
        const left = new Map(WAYS.map((way) => [way, new Map<string, string>()]));
        for (let round = 0; round < TRIES; round += 1) {
          const expected = await bed.runGroup("plain", scripts);
          for (const way of WAYS) {
            const before = left.get(way);
            if (round > 0 && before?.size === 0) continue;
            const now = differences(scripts, expected, await bed.runGroup(way, scripts));
            left.set(way, round === 0 ? now : new Map([...now].filter(([name]) => before?.has(name))));
          }
          if ([...left.values()].every(({ size }) => size === 0)) break;
        }
        expect(Object.fromEntries([...left].map(([way, found]) => [way, [...found]]))).toEqual({ tcp: [], agent: [] });
      },
      GROUP_MS,
    );
  }
});
