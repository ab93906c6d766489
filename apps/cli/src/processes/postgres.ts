import { readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SOCKET_PATH_BYTES_MAX } from "@ringside/shared";
import pg from "pg";
import { POLL_MS, POSTGRES_CONNECT_MS, POSTGRES_INIT_MS, POSTGRES_READY_MS, POSTGRES_STOP_MS } from "../limits.ts";
import { type Child, runChild, startChild, type UnixUser } from "./child.ts";
import { exists, postgresPrograms, privateFolder } from "./postgres-files.ts";

/**
 * A private PostgreSQL of the box: one folder, a unix socket in it and no network port.
 *
 * Whoever may enter the folder (mode 0700) may connect, without a password. PostgreSQL refuses to run as root:
 * then it runs as `postgres` or `nobody`. It gets SIGINT (roll back, checkpoint, end) when its starter dies.
 * A server left over from a starter that died a moment ago is ended first: two never share a data folder.
 */
export interface PostgresOptions {
  /** Holds everything of this server; made where it is missing. The socket's path must stay below 107 bytes. */
  readonly folder: string;
  /** "volatile" trades durability for speed: for tests, whose data nobody wants back. */
  readonly durability: "durable" | "volatile";
  readonly onLine?: (line: string) => void;
}

export interface PostgresServer extends AsyncDisposable {
  /** Superuser URL: postgresql://ringside@localhost/postgres?host=<folder>. */
  readonly url: string;
  readonly child: Child;
  readonly stop: () => Promise<void>;
}

const SUPERUSER = "ringside";
const SOCKET_NAME = ".s.PGSQL.5432";
const ENV = { PATH: "/usr/bin:/bin", LC_ALL: "C.UTF-8", TZ: "UTC" };

/**
 * Starts the PostgreSQL of `folder` and waits until it answers.
 * @throws Error with PostgreSQL's last words where it does not
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const socket = join(options.folder, SOCKET_NAME);
  if (Buffer.byteLength(socket) > SOCKET_PATH_BYTES_MAX) {
    throw new Error(`the path ${socket} is too long for a unix socket: choose a shorter data folder`);
  }
  const user = process.getuid?.() === 0 ? await serverUser() : undefined;
  await privateFolder(options.folder, user);
  const programs = await postgresPrograms(options.folder, user);
  const data = join(options.folder, "data");
  if (!(await exists(data))) await createCluster(programs, data, user, options.durability);
  await endLeftOver(data);

  const lastLines: string[] = [];
  const child = await startChild({
    command: join(programs, "bin/postgres"),
    args: serverArgs(options, data),
    env: ENV,
    cwd: options.folder,
    ...(user && { user }),
    deathSignal: "INT",
    onLine: (line) => {
      lastLines.push(line);
      if (lastLines.length > 20) lastLines.shift();
      options.onLine?.(line);
    },
  });
  const url = `postgresql://${SUPERUSER}@localhost/postgres?host=${encodeURIComponent(options.folder)}`;
  const stop = async () => {
    await child.stop("SIGINT", POSTGRES_STOP_MS);
  };
  try {
    await waitUntilItAnswers(url, child);
  } catch (cause) {
    await stop();
    throw new Error(`PostgreSQL did not start:\n${lastLines.join("\n")}`, { cause });
  }
  return { url, child, stop, [Symbol.asyncDispose]: stop };
}

function serverArgs(options: PostgresOptions, data: string): string[] {
  const settings = {
    listen_addresses: "",
    unix_socket_directories: options.folder,
    unix_socket_permissions: "0700",
    max_connections: "100",
    shared_buffers: "64MB",
    ...(options.durability === "volatile" && { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
  };
  return ["-D", data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
}

/** initdb into a folder beside, then one rename: a half-made cluster is never taken for a whole one. */
async function createCluster(
  programs: string,
  data: string,
  user: UnixUser | undefined,
  durability: PostgresOptions["durability"],
): Promise<void> {
  const fresh = `${data}.new`;
  await rm(fresh, { recursive: true, force: true });
  const result = await runChild({
    command: join(programs, "bin/initdb"),
    args: ["-D", fresh, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions"].concat(
      durability === "volatile" ? ["--no-sync"] : [],
    ),
    env: ENV,
    cwd: "/",
    ...(user && { user }),
    timeoutMs: POSTGRES_INIT_MS,
  });
  if (result.code !== 0) throw new Error(`initdb failed:\n${result.stdout}${result.stderr}`);
  await rename(fresh, data);
}

/** Ends a server that still runs on `data`, and waits until it is gone. */
async function endLeftOver(data: string): Promise<void> {
  const deadline = Date.now() + POSTGRES_STOP_MS;
  for (let asked = false; ; asked = true) {
    const pid = await leftOverPid(data);
    if (pid === undefined) return;
    if (!asked) process.kill(pid, "SIGINT");
    if (Date.now() > deadline) throw new Error(`another PostgreSQL (pid ${pid}) runs on ${data} and does not end`);
    await sleep(POLL_MS);
  }
}

/** The pid in postmaster.pid, where that process lives and is a PostgreSQL on this data folder. */
async function leftOverPid(data: string): Promise<number | undefined> {
  const text = await readFile(join(data, "postmaster.pid"), "utf8").catch(() => "");
  const pid = Number.parseInt(text, 10);
  if (!(pid > 1)) return undefined;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return commandLine.includes("postgres") && commandLine.split("\0").includes(data) ? pid : undefined;
}

async function waitUntilItAnswers(url: string, child: Child): Promise<void> {
  const deadline = Date.now() + POSTGRES_READY_MS;
  while (child.running()) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: POSTGRES_CONNECT_MS });
    client.on("error", () => undefined);
    try {
      await client.connect();
      await client.query("SELECT 1");
      await client.end();
      return;
    } catch (cause) {
      await client.end().catch(() => undefined);
      if (Date.now() > deadline) throw new Error("it does not answer", { cause });
    }
    await sleep(POLL_MS);
  }
  throw new Error("it ended");
}

/** The user that a root-started server runs as: it must have a passwd entry. */
async function serverUser(): Promise<UnixUser> {
  const entries = (await readFile("/etc/passwd", "utf8")).split("\n").map((line) => line.split(":"));
  for (const name of ["postgres", "nobody"]) {
    const entry = entries.find((fields) => fields[0] === name);
    const [uid, gid] = [Number(entry?.[2]), Number(entry?.[3])];
    if (uid > 0 && gid > 0) return { uid, gid };
  }
  throw new Error("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as");
}
