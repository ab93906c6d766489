import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { MachineGroups } from "@ringside/emulator";
import { cacheDirectory, findImage, loadImage } from "@ringside/image";
import { connectRedis } from "@ringside/redis";
import {
  CELL_LINK_PATH,
  type CellLinkAnswer,
  type CellLinkRequest,
  cellLinkAnswers,
  cellQueue,
  errorBodySchema,
  type MachineFile,
  machineFileSchema,
  REPORTS_QUEUE,
  type Report,
  RingsideError,
  reportSchema,
  START_QUEUE,
  type StartJob,
  type StopJob,
  startJobId,
  stopJobId,
} from "@ringside/shared";
import { groupName } from "../../services/vm-runner/src/group-name.ts";
import { newJob } from "../../services/vm-runner/src/testing/host-bed.ts";
import { Queue, Worker } from "../../services/vm-runner/src/testing/queues.ts";

const MAIN = fileURLToPath(new URL("../../services/vm-runner/src/main.ts", import.meta.url));
const WAIT_MS = 25_000;
const POLL_MS = 5;

/** Waits until `look` gives something. */
export async function until<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const end = performance.now() + WAIT_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`${what}: not in ${WAIT_MS} ms`);
    await sleep(POLL_MS);
  }
}

export interface RunningRunner {
  readonly child: ChildProcess;
  readonly log: () => string;
}

/** Runners as processes of their own, with real Redis (its own: it may be killed), real QEMU and the course image. */
export class RunnerBed implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "rs-r-"));
  readonly run = join(this.folder, "run");
  readonly data = join(this.folder, "data");
  readonly cache = join(this.folder, "cache");
  readonly prefix = `test-${randomUUID()}`;
  readonly said: Report[] = [];
  readonly redis;
  readonly starts: Queue;
  readonly cellJobs: Queue;
  image = "";
  readonly #hear: Worker;
  readonly #runners: ChildProcess[] = [];
  readonly #redisUrl = `unix://${join(this.folder, "redis.sock")}`;
  #redisServer: ChildProcess | null = null;

  constructor() {
    chmodSync(this.folder, 0o711);
    const { prefix } = this;
    this.redis = connectRedis(this.#redisUrl, "worker", () => undefined);
    const connection = this.redis;
    this.starts = new Queue(START_QUEUE, { connection, prefix });
    this.cellJobs = new Queue(cellQueue("one"), { connection, prefix });
    const hear = async ({ data }: { data: unknown }): Promise<void> => {
      this.said.push(reportSchema.parse(data));
    };
    this.#hear = new Worker(REPORTS_QUEUE, hear, { connection, prefix });
    for (const queue of [this.starts, this.cellJobs]) queue.on("error", () => undefined);
    this.#hear.on("error", () => undefined);
  }

  async open(): Promise<void> {
    await this.startRedis();
    const real = cacheDirectory(process.env);
    const found = await findImage(real, "linux-x86_64");
    if (found === null) throw new Error("the course image linux-x86_64 is not built: run ./ringside image build");
    this.image = (await loadImage(found)).manifest.digest;
    mkdirSync(this.cache);
    symlinkSync(join(real, "images"), join(this.cache, "images"));
  }

  async startRedis(): Promise<void> {
    const socket = join(this.folder, "redis.sock");
    rmSync(socket, { force: true });
    const options = ["--port", "0", "--unixsocket", socket, "--dir", this.folder, "--appendonly", "yes", "--save", ""];
    this.#redisServer = spawn("redis-server", options, { stdio: "ignore" });
    await until("Redis", () => (existsSync(socket) ? true : undefined));
  }

  async killRedis(): Promise<void> {
    if (this.#redisServer !== null) await end(this.#redisServer, "SIGKILL");
  }

  /** Starts a runner and waits for its `ready` line. */
  async runner(settings: Record<string, string> = {}): Promise<RunningRunner> {
    const env = {
      ...{ PATH: process.env.PATH, RINGSIDE_CELL: "one", REDIS_URL: this.#redisUrl, RINGSIDE_PREFIX: this.prefix },
      ...{ RINGSIDE_RUN_DIR: this.run, RINGSIDE_DATA_DIR: this.data, RINGSIDE_CACHE: this.cache },
      ...{ RINGSIDE_SLOTS: "4", NODE_ENV: "test", ...settings },
    };
    const child = spawn(process.execPath, [MAIN], { env, stdio: ["ignore", "pipe", "pipe"] });
    this.#runners.push(child);
    let log = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        log += chunk.toString();
      });
    }
    await until(`the runner, which said ${log}`, () => (log.includes('"msg":"ready"') ? true : undefined));
    return { child, log: () => log };
  }

  /** Kills all runners that still run, and forgets what was said. */
  async clear(): Promise<void> {
    for (const runner of this.#runners.splice(0)) {
      if (runner.exitCode === null && runner.signalCode === null) await end(runner, "SIGKILL");
    }
    this.said.splice(0);
  }

  /** Adds a start job: to the common queue, or to the cell's own. */
  async start(change: Partial<StartJob> = {}, queue: "common" | "cell" = "common"): Promise<StartJob> {
    const parameters = { backlog: 17, port: 5001, payload: "hi" };
    const job = newJob({ image: this.image, parameters, ...change });
    await (queue === "common" ? this.starts : this.cellJobs).add("start", job, { jobId: startJobId(job) });
    return job;
  }

  async stop(job: StopJob): Promise<void> {
    await this.cellJobs.add("stop", job, { jobId: stopJobId(job) });
  }

  /** What was said of a session, as `ready 1`. */
  saidOf(session: string): readonly string[] {
    return this.said.filter((report) => report.session === session).map(({ kind, epoch }) => `${kind} ${epoch}`);
  }

  lastOf(session: string): Report | undefined {
    return this.said.findLast((report) => report.session === session);
  }

  /** @param times how often it must have been said */
  heard(session: string, what: string, times = 1): Promise<Report> {
    return until(`${what} of ${session}, after ${this.saidOf(session).join(", ")}`, () => {
      const found = this.said.filter(
        (report) => report.session === session && `${report.kind} ${report.epoch}` === what,
      );
      return found[times - 1];
    });
  }

  /** A session's machine as the proxy sees it. */
  machine(session: string): MachineFile {
    for (const name of readdirSync(join(this.run, "m"))) {
      const file = machineFileSchema.parse(JSON.parse(readFileSync(join(this.run, "m", name, "machine.json"), "utf8")));
      if (file.session === session) return file;
    }
    throw new Error(`no machine of ${session} is shown`);
  }

  /** Names of all machine folders, shown or not. */
  folders(): readonly string[] {
    return ["m", "pool"].flatMap((name) => readdirSync(join(this.run, name)));
  }

  /** Asks the runner as its proxy does. @throws RingsideError what it answers */
  async ask<D extends CellLinkRequest["do"]>(asked: Extract<CellLinkRequest, { do: D }>): Promise<CellLinkAnswer<D>> {
    const { status, body } = await post(join(this.run, "cell.sock"), JSON.stringify(asked));
    if (status === 200) return cellLinkAnswers[asked.do].parse(body) as CellLinkAnswer<D>;
    const { code, message } = errorBodySchema.parse(body);
    throw new RingsideError(code, { message });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.clear();
    await Promise.all([this.#hear.close(true), this.starts.close(), this.cellJobs.close()]);
    this.redis.disconnect();
    await this.killRedis();
    rmSync(this.folder, { recursive: true, force: true });
    // Runners that were killed could not remove them.
    await using groups = await MachineGroups.open({ cell: groupName("one", this.run) });
    for (const name of await groups.names()) await groups.removeByName(name);
  }
}

/** Ends a process and gives its exit code. */
export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const ended = once(child, "exit");
  child.kill(signal);
  const [code] = (await ended) as [number | null];
  return code;
}

function post(socketPath: string, body: string): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path: CELL_LINK_PATH, method: "POST" }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
    });
    asking.on("error", reject);
    asking.end(body);
  });
}

/** A machine's console. */
export class TestConsole implements Disposable {
  readonly #socket;
  #seen = "";

  constructor(path: string) {
    this.#socket = connect(path);
    this.#socket.on("error", () => undefined);
    this.#socket.on("data", (chunk: Buffer) => {
      this.#seen += chunk.toString("latin1");
    });
  }

  /** Types a line and waits for what is to come after it. */
  async type(line: string, expected: string): Promise<void> {
    this.#seen = "";
    this.#socket.write(`${line}\n`);
    await until(`${expected} after ${line}`, () => (this.#seen.includes(expected) ? true : undefined));
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
