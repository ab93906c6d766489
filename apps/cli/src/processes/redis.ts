import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SOCKET_PATH_BYTES_MAX } from "@ringside/shared";
import { Redis } from "ioredis";
import { POLL_MS, REDIS_CONNECT_MS, REDIS_READY_MS, REDIS_STOP_MS } from "../limits.ts";
import { type Child, startChild } from "./child.ts";

/**
 * A private Redis of the box: Debian's redis-server on a unix socket, no network port. It keeps an append-only
 * file, synced each second, and never evicts a key: BullMQ's jobs must not vanish. It dies with its starter.
 */
export interface RedisOptions {
  /** Holds everything of this server; made where it is missing. The socket's path must stay below 107 bytes. */
  readonly folder: string;
  readonly durability: "durable" | "volatile";
  readonly onLine?: (line: string) => void;
}

export interface RedisServer extends AsyncDisposable {
  /** unix:///<folder>/redis.sock */
  readonly url: string;
  readonly child: Child;
  readonly stop: () => Promise<void>;
}

/**
 * Starts the Redis of `folder` and waits until it answers, its data loaded.
 * @throws Error with Redis's last words where it does not, or where redis-server is not installed
 */
export async function startRedis(options: RedisOptions): Promise<RedisServer> {
  const socket = join(options.folder, "redis.sock");
  if (Buffer.byteLength(socket) > SOCKET_PATH_BYTES_MAX) {
    throw new Error(`the path ${socket} is too long for a unix socket: choose a shorter data folder`);
  }
  await mkdir(options.folder, { recursive: true, mode: 0o700 });
  const lastLines: string[] = [];
  const child = await startChild({
    command: "redis-server",
    args: [
      ...["--port", "0", "--unixsocket", socket, "--unixsocketperm", "700", "--dir", options.folder],
      ...["--save", "", "--appendonly", options.durability === "durable" ? "yes" : "no"],
      ...["--appendfsync", "everysec", "--maxmemory-policy", "noeviction", "--daemonize", "no"],
    ],
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C.UTF-8" },
    cwd: options.folder,
    deathSignal: "TERM",
    onLine: (line) => {
      lastLines.push(line);
      if (lastLines.length > 20) lastLines.shift();
      options.onLine?.(line);
    },
  });
  const stop = async () => {
    await child.stop("SIGTERM", REDIS_STOP_MS);
  };
  try {
    await waitUntilItAnswers(socket, child);
  } catch (cause) {
    await stop();
    throw new Error(`Redis did not start:\n${lastLines.join("\n")}`, { cause });
  }
  return { url: `unix://${socket}`, child, stop, [Symbol.asyncDispose]: stop };
}

async function waitUntilItAnswers(socket: string, child: Child): Promise<void> {
  const deadline = Date.now() + REDIS_READY_MS;
  while (child.running()) {
    const redis = new Redis({
      path: socket,
      connectTimeout: REDIS_CONNECT_MS,
      retryStrategy: () => null,
      lazyConnect: true,
    });
    redis.on("error", () => undefined);
    try {
      await redis.connect();
      await redis.ping();
      return;
    } catch (cause) {
      if (Date.now() > deadline) throw new Error("it does not answer", { cause });
    } finally {
      redis.disconnect();
    }
    await sleep(POLL_MS);
  }
  throw new Error("it ended: is redis-server installed? `ringside doctor` tells");
}
