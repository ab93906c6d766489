import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { processesWithArgument } from "@ringside/emulator";
import { cacheDirectory, findImage, loadImage } from "@ringside/image";
import { connectRedis } from "@ringside/redis";
import {
  cellQueue,
  cellRunnerKey,
  cellRunnerSchema,
  machineFileSchema,
  newId,
  REPORTS_QUEUE,
  type Report,
  reportSchema,
  START_QUEUE,
  type StartJob,
  startJobId,
  stopJobId,
} from "@ringside/shared";
import { Queue, Worker } from "bullmq";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";

// The runner as its own process, with real Redis (its own: it is killed here), real QEMU and the real course image.
const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "rs-r-"));
const [runDirectory, cache, redisUrl] = [
  join(folder, "run"),
  join(folder, "cache"),
  `unix://${join(folder, "redis.sock")}`,
];
const prefix = `test-${randomUUID()}`;
const said: Report[] = [];
const runners: ChildProcess[] = [];
let redisServer: ChildProcess;
let image = "";

async function startRedis(): Promise<void> {
  const options = ["--port", "0", "--unixsocket", join(folder, "redis.sock"), "--dir", folder, "--appendonly", "yes"];
  redisServer = spawn("redis-server", [...options, "--save", ""], { stdio: "ignore" });
  await vi.waitFor(() => expect(existsSync(join(folder, "redis.sock"))).toBe(true));
}

chmodSync(folder, 0o711);
const redis = connectRedis(redisUrl, "worker", () => undefined);
const starts = new Queue(START_QUEUE, { connection: redis, prefix });
const stops = new Queue(cellQueue("one"), { connection: redis, prefix });
const hear = new Worker(
  REPORTS_QUEUE,
  async (job) => {
    said.push(reportSchema.parse(job.data));
  },
  { connection: redis, prefix },
);
for (const part of [starts, stops]) part.on("error", () => undefined);
hear.on("error", () => undefined);

beforeAll(async () => {
  await startRedis();
  const real = cacheDirectory(process.env);
  const found = await findImage(real, "linux-x86_64");
  if (found === null) throw new Error("the course image linux-x86_64 is not built: run ./ringside image build");
  image = (await loadImage(found)).manifest.digest;
  mkdirSync(cache);
  symlinkSync(join(real, "images"), join(cache, "images"));
});

afterEach(async () => {
  for (const runner of runners.splice(0))
    if (runner.exitCode === null && runner.signalCode === null) await end(runner, "SIGKILL");
  said.splice(0);
});

afterAll(async () => {
  await Promise.all([hear.close(true), starts.close(), stops.close()]);
  redis.disconnect();
  await end(redisServer, "SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const ended = once(child, "exit");
  child.kill(signal);
  const [code] = (await ended) as [number | null];
  return code;
}

/** Starts a runner and waits for its `ready` line. */
async function runner(settings: Record<string, string> = {}): Promise<ChildProcess> {
  const env = {
    ...{ PATH: process.env.PATH, RINGSIDE_CELL: "one", REDIS_URL: redisUrl, RINGSIDE_PREFIX: prefix },
    ...{ RINGSIDE_RUN_DIR: runDirectory, RINGSIDE_CACHE: cache, RINGSIDE_SLOTS: "4", ...settings },
  };
  const child = spawn(process.execPath, [MAIN], { env, stdio: ["ignore", "pipe", "pipe"] });
  runners.push(child);
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      log += chunk.toString();
    });
  }
  await expect.poll(() => log, { timeout: 15_000 }).toContain('"msg":"ready"');
  return child;
}

async function start(change: Partial<StartJob> = {}): Promise<StartJob> {
  const job: StartJob = {
    ...{ session: newId("ses"), epoch: 1, user: newId("usr"), lab: "net-listen", image, memoryMib: 64 },
    ...{ parameters: { backlog: 17, port: 5001, payload: "hi" }, notAfterMs: Date.now() + 60_000, ...change },
  };
  await starts.add("start", job, { jobId: startJobId(job) });
  return job;
}

const reportsOf = (session: string) => said.filter((report) => report.session === session);
const saidOf = (session: string) => reportsOf(session).map(({ kind, epoch }) => `${kind} ${epoch}`);
const heard = (session: string, what: string) =>
  expect.poll(() => saidOf(session), { timeout: 20_000, interval: 10 }).toContain(what);
const pathOf = ({ session, epoch }: StartJob) => join(runDirectory, "m", `${session}.${epoch}`);
const machineFile = (job: StartJob) =>
  machineFileSchema.parse(JSON.parse(readFileSync(join(pathOf(job), "machine.json"), "utf8")));

test("machines come, are reset and go, and nothing is left of them", async () => {
  await runner();
  const jobs = await Promise.all([start(), start(), start()]);
  for (const { session } of jobs) await heard(session, "ready 1");
  const [first, second, third] = jobs as [StartJob, StartJob, StartJob];
  const { user, parameters } = first;
  expect(machineFile(first)).toMatchObject({
    session: first.session,
    epoch: 1,
    user,
    parameters,
    arch: "x86_64",
    image,
  });
  expect(readdirSync(pathOf(first)).sort()).toEqual(["console.sock", "gdb.sock", "machine.json"]);
  const announced = cellRunnerSchema.parse(JSON.parse((await redis.get(cellRunnerKey(prefix, "one"))) ?? "{}"));
  expect(announced.slots).toBe(4);

  await start({ ...first, epoch: 2 });
  await heard(first.session, "ready 2");
  expect(existsSync(pathOf(first))).toBe(false);
  for (const [job, epoch] of [
    [first, 2],
    [second, 1],
    [third, 1],
  ] as const) {
    const stop = { session: job.session, epoch, reason: "stopped" } as const;
    await stops.add("stop", stop, { jobId: stopJobId(stop) });
    await heard(job.session, `ended ${epoch}`);
    expect(await processesWithArgument(`${job.session}.${epoch}`)).toEqual([]);
  }
  expect(readdirSync(join(runDirectory, "m"))).toEqual([]);
  expect(reportsOf(first.session).find(({ kind }) => kind === "ready")).toMatchObject({ how: "clone" });
});

test("the end of QEMU and the guest's reboot are told apart and reported, without another try", async () => {
  await runner();
  const [killed, rebooted] = [await start(), await start()];
  for (const { session } of [killed, rebooted]) await heard(session, "ready 1");
  process.kill(machineFile(killed).pid, "SIGKILL");
  await heard(killed.session, "failed 1");
  expect(reportsOf(killed.session).at(-1)).toMatchObject({ reason: "machine_crashed" });
  const console = connect(join(pathOf(rebooted), "console.sock"));
  console.on("error", () => undefined);
  let seen = "";
  console.on("data", (chunk: Buffer) => {
    seen += chunk.toString("latin1");
  });
  console.write("shell\n");
  await expect.poll(() => seen).toContain("# ");
  console.write("reboot -f\n");
  await heard(rebooted.session, "failed 1");
  expect(reportsOf(rebooted.session).at(-1)).toMatchObject({ reason: "guest_exited" });
  for (const job of [killed, rebooted]) expect(saidOf(job.session)).toEqual(["starting 1", "ready 1", "failed 1"]);
  expect(readdirSync(join(runDirectory, "m"))).toEqual([]);
});

test("a runner that is killed takes its machines along, and the next one clears up and goes on", async () => {
  const first = await runner();
  const job = await start();
  await heard(job.session, "ready 1");
  const name = `${job.session}.1`;
  expect((await processesWithArgument(name)).length).toBeGreaterThanOrEqual(2);
  await end(first, "SIGKILL");
  await expect.poll(() => processesWithArgument(name), { timeout: 2_000 }).toEqual([]);
  expect(existsSync(pathOf(job))).toBe(true);
  await runner();
  expect(existsSync(pathOf(job))).toBe(false);
  await start({ ...job, epoch: 2 });
  await heard(job.session, "ready 2");
});

test("a start whose runner is killed in the middle is started by the next runner, once", async () => {
  rmSync(join(cache, "templates"), { recursive: true, force: true }); // the template's boot makes the middle long
  const first = await runner();
  const job = await start();
  await heard(job.session, "starting 1");
  await end(first, "SIGKILL");
  expect(saidOf(job.session)).toEqual(["starting 1"]);
  await runner();
  await heard(job.session, "ready 1");
  expect(readdirSync(join(runDirectory, "m"))).toEqual([`${job.session}.1`]);
  expect(readdirSync(join(runDirectory, "t"))).toEqual([]);
});

test("a runner told to end takes no jobs, ends its machines as the operator's doing and exits well", async () => {
  const first = await runner();
  const job = await start();
  await heard(job.session, "ready 1");
  const ending = end(first, "SIGTERM");
  await heard(job.session, "ended 1");
  expect(reportsOf(job.session).at(-1)).toMatchObject({ reason: "operator" });
  expect(await ending).toBe(0);
  expect(await processesWithArgument(`${job.session}.1`)).toEqual([]);
  expect(readdirSync(join(runDirectory, "m"))).toEqual([]);
  expect(await redis.get(cellRunnerKey(prefix, "one"))).toBeNull();
  const late = await start();
  expect(await starts.getActiveCount()).toBe(0);
  await starts.remove(startJobId(late));
});

test("a full cell leaves jobs to others, but a reset of its own machine does not wait", async () => {
  await runner({ RINGSIDE_SLOTS: "1" });
  const job = await start();
  await heard(job.session, "ready 1");
  await start({ ...job, epoch: 2 });
  await heard(job.session, "ready 2");
  const other = await start();
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(saidOf(other.session)).toEqual([]);
  expect(await starts.getWaitingCount()).toBe(1);
  await start({ ...other, epoch: 2 });
  await stops.add("stop", { session: job.session, epoch: 2, reason: "stopped" });
  await heard(other.session, "ready 2");
  expect(saidOf(other.session)).not.toContain("failed 1");
});

test("machines outlive Redis, and what happened meanwhile is reported when it is back", async () => {
  await runner();
  const [staying, dying] = [await start(), await start()];
  for (const { session } of [staying, dying]) await heard(session, "ready 1");
  const { pid } = machineFile(staying);
  await end(redisServer, "SIGKILL");
  process.kill(machineFile(dying).pid, "SIGKILL");
  await expect.poll(() => existsSync(pathOf(dying))).toBe(false);
  rmSync(join(folder, "redis.sock"), { force: true });
  await startRedis();
  await heard(dying.session, "failed 1");
  expect(machineFile(staying).pid).toBe(pid);
  expect(await processesWithArgument(`${staying.session}.1`)).toContain(pid);
  const later = await start();
  await heard(later.session, "ready 1");
});

test("an image that is not there fails its session and nothing else", async () => {
  await runner();
  const job = await start({ image: "f".repeat(64) });
  await heard(job.session, "failed 1");
  expect(reportsOf(job.session).at(-1)).toMatchObject({ reason: "image_unavailable" });
});
