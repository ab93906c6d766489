import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { JAIL_USER_ID_MIN } from "./limits.ts";
import { processesWithArgument } from "./processes.ts";

// A process that starts machines is killed in the middle of it: real QEMU, real jail.
const SPAWNER = fileURLToPath(new URL("testing/spawner.ts", import.meta.url));
const ROUNDS = 10;
const MACHINES_PER_ROUND = 3;
/** From before bubblewrap runs to after QEMU does. */
const KILL_AFTER_MS_MAX = 40;
const userId = process.getuid?.() === 0 ? JAIL_USER_ID_MIN + 960 : undefined;
const folder = mkdtempSync(join(tmpdir(), "rs-orphans-"));
chmodSync(folder, 0o711);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Starts machines in a process that kills itself after the given time. Gives their names. */
async function startAndDie(
  round: number,
  killAfterMs: number,
  confinement: "jail" | "none",
): Promise<readonly string[]> {
  const names = Array.from(
    { length: MACHINES_PER_ROUND },
    (_, n) => `orphan-${process.pid}-${confinement}-${round}-${n}`,
  );
  const args = [SPAWNER, JSON.stringify({ folder, names, killAfterMs, confinement, userId })];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  const signal = await new Promise((resolve) => child.once("exit", (_, by) => resolve(by)));
  expect(signal).toBe("SIGKILL");
  return names;
}

async function survivors(names: readonly string[]): Promise<readonly number[]> {
  return (await Promise.all(names.map(processesWithArgument))).flat();
}

test.each(["jail", "none"] as const)(
  "whenever the process that starts machines is killed, none of them stays (confinement: %s)",
  { timeout: 120_000 },
  async (confinement) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const names = await startAndDie(round, (KILL_AFTER_MS_MAX * round) / (ROUNDS - 1), confinement);
      await expect.poll(() => survivors(names), { timeout: 5_000 }).toEqual([]);
    }
  },
);

test("the spawner itself works: left alone, its machines run", async () => {
  const names = [`orphan-${process.pid}-alive`];
  const args = [SPAWNER, JSON.stringify({ folder, names, killAfterMs: 60_000, confinement: "jail", userId })];
  const child = spawn(process.execPath, args, { stdio: "ignore" });
  // The guard, bubblewrap and QEMU.
  await expect.poll(async () => (await survivors(names)).length, { timeout: 20_000 }).toBe(3);
  child.kill("SIGKILL");
  await expect.poll(() => survivors(names), { timeout: 5_000 }).toEqual([]);
});
