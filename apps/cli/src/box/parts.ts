import { join } from "node:path";
import { POSTGRES_STOP_MS, REDIS_STOP_MS, RUNNER_STOP_MS, SERVICE_STOP_MS } from "../limits.ts";
import { startPostgres } from "../processes/postgres.ts";
import { startRedis } from "../processes/redis.ts";
import { startService } from "../processes/service.ts";
import { type Addresses, boxAddresses } from "./addresses.ts";
import type { DataFolder } from "./data-folder.ts";
import { LogFile } from "./log-file.ts";
import type { Part } from "./supervisor.ts";

/** Prewarmed machines: at least so many for each template in use, at most so many in all. What is left out is the runner's default. */
export interface PoolOptions {
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

export interface BoxOptions {
  readonly repoRoot: string;
  readonly folder: DataFolder;
  readonly cacheDir: string;
  /** The api's address. */
  readonly host: string;
  readonly port: number;
  readonly proxyPort: number;
  /** The name or address by which others reach the box; undefined: `host`. */
  readonly publicHost: string | undefined;
  /** Address on which plain TCP entries open, and their ports (`from-to`). */
  readonly tcpBind: string;
  readonly tcpPorts: string;
  /** Networks that may ask for one, comma-separated; undefined: only this machine. */
  readonly tcpAllow: string | undefined;
  readonly runnerPort: number;
  readonly slots: number | undefined;
  readonly pool?: PoolOptions | undefined;
  /** Machines run without a jail: only for trying things out. */
  readonly insecureNoJail?: boolean | undefined;
  readonly warmImages: readonly string[];
  /** The folder of labs; undefined: the checkout's own. */
  readonly labs?: string | undefined;
  readonly cell: string;
  /** Of a PostgreSQL and Redis that are there already; undefined: the box runs its own. */
  readonly databaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
  /** Before all keys in Redis; undefined for the default. */
  readonly prefix?: string | undefined;
  readonly adminToken: string;
  /** PATH, HOME and the like for the services. */
  readonly baseEnv: Readonly<Record<string, string>>;
}

/** The parts of a box in the order of their start. Each writes its output to `<data>/logs/<name>.log`. */
export function boxParts(options: BoxOptions): { readonly parts: readonly Part[]; readonly logs: readonly LogFile[] } {
  const logs: LogFile[] = [];
  const logFor = (name: string) => {
    const log = new LogFile(join(options.folder.logs, `${name}.log`));
    logs.push(log);
    return (line: string) => log.write(line);
  };
  const service = (name: ServiceName, stopMs: number): Part => {
    const onLine = logFor(name);
    const env = serviceEnvironment(name, options);
    const script = join(options.repoRoot, "services", name, "src/main.ts");
    return {
      name,
      stopSignal: "SIGTERM",
      stopMs,
      start: async (signal) => (await startService({ script, env, cwd: options.repoRoot, onLine, signal })).child,
    };
  };
  const parts = [
    ...storeParts(options, logFor),
    service("gdb-proxy", SERVICE_STOP_MS),
    service("vm-runner", RUNNER_STOP_MS),
    service("api", SERVICE_STOP_MS),
  ];
  return { parts, logs };
}

function storeParts(options: BoxOptions, logFor: (name: string) => (line: string) => void): Part[] {
  const parts: Part[] = [];
  if (options.databaseUrl === undefined) {
    const onLine = logFor("postgres");
    parts.push({
      name: "postgres",
      stopSignal: "SIGINT",
      stopMs: POSTGRES_STOP_MS,
      start: async () =>
        (await startPostgres({ folder: options.folder.postgres, durability: "durable", onLine })).child,
    });
  }
  if (options.redisUrl === undefined) {
    const onLine = logFor("redis");
    parts.push({
      name: "redis",
      stopSignal: "SIGTERM",
      stopMs: REDIS_STOP_MS,
      start: async () => (await startRedis({ folder: options.folder.redis, durability: "durable", onLine })).child,
    });
  }
  return parts;
}

/** The URLs of a box with these options. */
export function addressesOf(options: Pick<BoxOptions, "host" | "port" | "proxyPort" | "publicHost">): Addresses {
  return boxAddresses(options.host, { api: options.port, proxy: options.proxyPort }, options.publicHost);
}

type ServiceName = "api" | "vm-runner" | "gdb-proxy";

/** All that a service is told, as its environment. */
export function serviceEnvironment(name: ServiceName, options: BoxOptions): Record<string, string> {
  return { ...options.baseEnv, ...sharedEnv(options), ...SERVICE_ENV[name](options) };
}

function sharedEnv(options: BoxOptions): Record<string, string> {
  return {
    REDIS_URL: options.redisUrl ?? `unix://${join(options.folder.redis, "redis.sock")}`,
    ...(options.prefix !== undefined && { RINGSIDE_PREFIX: options.prefix }),
    RINGSIDE_DATA_DIR: options.folder.services,
    RINGSIDE_CACHE: options.cacheDir,
  };
}

const SERVICE_ENV = {
  api: (options: BoxOptions): Record<string, string> => ({
    DATABASE_URL:
      options.databaseUrl ??
      `postgresql://ringside@localhost/postgres?host=${encodeURIComponent(options.folder.postgres)}`,
    RINGSIDE_API_HOST: options.host,
    RINGSIDE_API_PORT: String(options.port),
    RINGSIDE_PUBLIC_URL: addressesOf(options).publicUrl,
    RINGSIDE_LABS_DIR: options.labs ?? join(options.repoRoot, "course/labs"),
    RINGSIDE_TICKET_KEY_FILE: options.folder.ticketKeyFile,
    RINGSIDE_BOOTSTRAP_ADMIN_TOKEN: options.adminToken,
  }),
  "vm-runner": (options: BoxOptions): Record<string, string> => ({
    RINGSIDE_CELL: options.cell,
    RINGSIDE_RUN_DIR: options.folder.run,
    RINGSIDE_RUNNER_PORT: String(options.runnerPort),
    ...(options.slots !== undefined && { RINGSIDE_SLOTS: String(options.slots) }),
    ...(options.pool?.min !== undefined && { RINGSIDE_POOL_MIN: String(options.pool.min) }),
    ...(options.pool?.max !== undefined && { RINGSIDE_POOL_MAX: String(options.pool.max) }),
    ...(options.insecureNoJail === true && { RINGSIDE_INSECURE_NO_JAIL: "1" }),
    ...(options.warmImages.length > 0 && { RINGSIDE_WARM_IMAGES: options.warmImages.join(",") }),
  }),
  "gdb-proxy": (options: BoxOptions): Record<string, string> => ({
    RINGSIDE_CELL: options.cell,
    RINGSIDE_RUN_DIR: options.folder.run,
    RINGSIDE_PROXY_HOST: options.host,
    RINGSIDE_PROXY_PORT: String(options.proxyPort),
    RINGSIDE_TICKET_PUBLIC_KEY_FILE: options.folder.ticketPublicKeyFile,
    RINGSIDE_TCP_BIND: options.tcpBind,
    RINGSIDE_TCP_PORTS: options.tcpPorts,
    ...(options.tcpAllow !== undefined && { RINGSIDE_TCP_ALLOW: options.tcpAllow }),
    RINGSIDE_PROXY_PUBLIC_URL: addressesOf(options).proxyPublicUrl,
    RINGSIDE_ORIGINS: addressesOf(options).origins.join(","),
  }),
} as const;
