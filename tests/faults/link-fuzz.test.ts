import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FuzzReport, runFuzz } from "../../apps/cli/src/bench/link/fuzz.ts";
import { anonymousMib } from "../../apps/cli/src/bench/place.ts";
import { isAlive } from "../support/processes.ts";
import { partPid, startTestBox, type TestBox } from "../support/test-box.ts";

// Packets that no gdb would send, through the whole link to real machines: nothing of ours or QEMU's may fall.
const PACKETS = 200_000;
const LANES = ["tcp", "websocket", "tcp"] as const;
const SEED = 20_260_101;
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

describe("packets by gdb's grammar, many of them damaged", () => {
  it(
    "end neither the proxy nor a QEMU, and are answered to the last",
    async () => {
      const proxy = partPid(box, "gdb-proxy");
      const before = await anonymousMib(proxy);
      const share = Math.ceil(PACKETS / LANES.length);
      const reports = await Promise.all(
        LANES.map((way, student) =>
          runFuzz({
            ...{ place: box.place, student, way, packets: share, seed: SEED + student, signal: box.context.signal },
          }),
        ),
      );
      const summary = reports.map((report: FuzzReport, n) => `${LANES[n]} ${JSON.stringify(report)}`).join("\n");
      console.log(summary);
      expect(partPid(box, "gdb-proxy"), "the proxy was started again").toBe(proxy);
      expect(await isAlive(proxy)).toBe(true);
      expect((await anonymousMib(proxy)) - before).toBeLessThan(PROXY_GROWTH_MIB_MAX);
      for (const { packets, answers, hangs, ended } of reports) {
        expect(packets, summary).toBeGreaterThanOrEqual(share);
        expect(answers, summary).toBeGreaterThan(packets / 2);
        expect(hangs, summary).toBe(0);
        // A guest whose registers are garbage resets itself, and a recording that is full ends its session.
        const { guest_exited: _reset, trace_full: _full, ...others } = ended;
        expect(others, summary).toEqual({});
      }
    },
    FUZZ_MS,
  );
});
