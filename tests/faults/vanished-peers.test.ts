import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, inject, it } from "vitest";
import { PEER_LOOK_MS, PEER_SILENCE_MS, PING_MS, PINGS_MISSED_MAX } from "../../services/gdb-proxy/src/limits.ts";

// Half-open connections: the other end is gone and nobody says so. A relay cannot show that, as its own kernel would
// answer; so the line itself is cut, in a network of the test's own.
const RUN_MS = 120_000;
const LATE_SECONDS = 10;
const PROGRAM = fileURLToPath(new URL("./vanishing.ts", import.meta.url));

interface Found {
  readonly way: string;
  /** Until the proxy noticed; null for never. */
  readonly seconds: number | null;
  /** Breakpoints that were in the machine then. */
  readonly kept: number;
  /** What the next gdb was answered. */
  readonly answer: string;
}

it(
  "a debugger that vanishes without a word gives its seat back in time, and its breakpoints wait for it",
  async () => {
    // A user of its own only where it must be: root may make networks.
    const own = process.getuid?.() === 0 ? ["--net"] : ["--net", "--map-root-user"];
    const args = [...own, process.execPath, "--disable-warning=ExperimentalWarning", PROGRAM, inject("redisUrl")];
    const { stdout } = await promisify(execFile)("unshare", args, { timeout: RUN_MS });
    console.log(stdout);
    const found = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Found);
    expect(found).toHaveLength(5);
    const pings = (PINGS_MISSED_MAX + 1) * PING_MS;
    const silence = PING_MS + PEER_SILENCE_MS + 2 * PEER_LOOK_MS;
    for (const { way, seconds, kept, answer } of found) {
      expect(seconds, way).not.toBeNull();
      expect(seconds, way).toBeLessThanOrEqual(Math.max(pings, silence) / 1_000 + LATE_SECONDS);
      expect([kept, answer], way).toEqual([1, "1"]);
    }
  },
  RUN_MS,
);
