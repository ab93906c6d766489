import { createHash } from "node:crypto";
import { once } from "node:events";
import { realpath, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { basename } from "node:path";
import { RingsideError } from "@ringside/shared";
import { LOCK_TIMEOUT_MS } from "./limits.ts";

/**
 * One writer per trace. Node has no file locks, and a lock file outlives a killed process; so the lock is
 * an abstract unix socket (unix(7)) named after the folder: the kernel gives a name to one process at a
 * time and takes it back when that process ends, however it ends. It holds among processes of one network
 * namespace, which is where a cell's gdb-proxy runs. Nobody can connect usefully: connections are closed.
 */
export async function lockTrace(directory: string): Promise<AsyncDisposable> {
  const { dev, ino } = await stat(directory, { bigint: true });
  const identity = `${dev}:${ino}:${basename(await realpath(directory))}`;
  const name = `ringside-trace-${createHash("sha256").update(identity).digest("hex")}`;
  const server = createServer((socket) => socket.destroy());
  server.unref();
  server.listen({ path: `\0${name}` });
  try {
    await once(server, "listening", { signal: AbortSignal.timeout(LOCK_TIMEOUT_MS) });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EADDRINUSE") throw cause;
    throw new RingsideError("conflict", { message: "Another process is writing this trace", cause });
  }
  // Errors of accepting do not matter: the name stays ours until close.
  server.on("error", () => undefined);
  return {
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close", { signal: AbortSignal.timeout(LOCK_TIMEOUT_MS) });
    },
  };
}
