import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FuzzReport, runFuzz } from "../../apps/cli/src/bench/link/fuzz.ts";
import { anonymousMib } from "../../apps/cli/src/bench/place.ts";
import { isAlive } from "../support/processes.ts";
import { partPid, startTestBox, type TestBox } from "../support/test-box.ts";

// Packets and messages that no gdb and no near agent would send, through the whole link to real machines: nothing of
// ours or QEMU's may fall. `ringside bench link --part fuzz` does the same fifty times longer.
const LANES = [
  { way: "tcp", packets: 90_000 },
  { way: "websocket", packets: 90_000 },
  { way: "link", packets: 40_000 },
] as const;
const SEED = 20_260_101;
/** A message brings some packets, or none. */
const LINK_MESSAGES_MIN = 5_000;
/** More than a class needs in that time would be a leak. */
const PROXY_GROWTH_MIB_MAX = 400;
const FUZZ_MS = 600_000;

let box: TestBox;

beforeAll(async () => {
  box = await startTestBox(LANES.length);
});

afterAll(async () => {
  await box[Symbol.asyncDispose]();
});

describe("packets by gdb's grammar and a near agent's messages, many of them damaged", () => {
  it(
    "end neither the proxy nor a QEMU, and are answered to the last",
    async () => {
      const proxy = partPid(box, "gdb-proxy");
      const before = await anonymousMib(proxy);
      const reports = await Promise.all(
        LANES.map(({ way, packets }, student) =>
          runFuzz({
            ...{ place: box.place, student, way, budget: { left: packets } },
            ...{ seed: SEED + 10 * student, signal: box.context.signal },
          }),
        ),
      );
      const summary = reports.map((report: FuzzReport) => JSON.stringify(report)).join("\n");
      console.log(summary);
      expect(partPid(box, "gdb-proxy"), "the proxy was started again").toBe(proxy);
      expect(await isAlive(proxy)).toBe(true);
      expect((await anonymousMib(proxy)) - before).toBeLessThan(PROXY_GROWTH_MIB_MAX);
      for (const [n, { way, packets, messages, answers, hangs, faults, fallen, unserved }] of reports.entries()) {
        expect(packets, summary).toBeGreaterThanOrEqual(LANES[n]?.packets ?? 0);
        if (way === "link") expect(messages, summary).toBeGreaterThan(LINK_MESSAGES_MIN);
        expect(answers, summary).toBeGreaterThan((way === "link" ? messages : packets) / 2);
        expect(hangs, summary).toBe(0);
        expect([faults, unserved], summary).toEqual([0, 0]);
        expect(fallen, summary).toEqual([]);
      }
    },
    FUZZ_MS,
  );
});
