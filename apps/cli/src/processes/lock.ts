import { settledWithin } from "../settled.ts";
import { type Child, startChild } from "./child.ts";

/**
 * Holds `path` locked by flock(2) for as long as this process lives: a child holds it, and dies with us.
 * @returns the holder, to be disposed of to unlock; undefined where another process has the lock
 * @throws Error where the lock cannot be asked for at all
 */
export async function holdLock(path: string, timeoutMs: number): Promise<Child | undefined> {
  const { promise: held, resolve } = Promise.withResolvers<true>();
  const errors: string[] = [];
  const child = await startChild({
    command: "flock",
    args: ["--nonblock", "--conflict-exit-code", "75", "--no-fork", path, "sh", "-c", "echo held; exec cat"],
    env: { PATH: "/usr/bin:/bin" },
    deathSignal: "KILL",
    input: true,
    onLine: (line, stream) => (stream === "stdout" ? resolve(true) : errors.push(line)),
  });
  await settledWithin(Promise.race([held, child.exited]), timeoutMs);
  if (child.running()) return child;
  const { code } = await child.exited;
  if (code === 75) return undefined;
  throw new Error(`cannot lock ${path}: ${errors.join(" ")}`);
}
