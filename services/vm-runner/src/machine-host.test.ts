import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MachineEnd } from "@ringside/emulator";
import { connectRedis } from "@ringside/redis";
import { leaseKey, newId, type Report, RingsideError, type StartJob } from "@ringside/shared";
import { pino } from "pino";
import { afterAll, expect, inject, test } from "vitest";
import { Leases } from "./lease.ts";
import type { StartMachine } from "./machine-factory.ts";
import { MachineHost } from "./machine-host.ts";
import { Metrics } from "./metrics.ts";
import { RunDirectory } from "./run-directory.ts";
import { Slots } from "./slots.ts";

// Real Redis and real folders; only the emulator is a fake.
const log = pino({ level: "silent" });
const redis = connectRedis(inject("redisUrl"), "worker", () => undefined);
const base = mkdtempSync(join(tmpdir(), "rs-host-"));
const closing: (() => Promise<void>)[] = [];
let count = 0;
afterAll(async () => {
  for (const close of closing) await close();
  rmSync(base, { recursive: true, force: true });
  redis.disconnect();
});

interface Fake {
  readonly name: string;
  readonly crash: (end: MachineEnd) => void;
  stopped: boolean;
}

async function setup(
  slotCount = 2,
  before: (job: StartJob, signal: AbortSignal) => Promise<void> = async () => undefined,
) {
  count += 1;
  const prefix = `test-${randomUUID()}`;
  const runner = `runner-${count}`;
  const directory = await RunDirectory.open(join(base, String(count)));
  closing.push(() => directory[Symbol.asyncDispose]());
  const leases = new Leases(redis, { prefix, cell: "one", runner });
  const other = new Leases(redis, { prefix, cell: "two", runner: "another" });
  const [said, fakes, slots] = [[] as Report[], [] as Fake[], new Slots(slotCount)];
  const start: StartMachine = async (job, name, _slot, signal) => {
    await before(job, signal);
    signal.throwIfAborted();
    await mkdir(directory.machinePath(name));
    let end: (how: MachineEnd) => void = () => undefined;
    const ended = new Promise<MachineEnd>((resolve) => {
      end = resolve;
    });
    const fake: Fake = { name, crash: (how) => end(how), stopped: false };
    fakes.push(fake);
    const stop = async (): Promise<void> => {
      fake.stopped = true;
      end({ kind: "stopped" });
    };
    return { pid: 1, consoleStart: "", ended, stop, how: "clone", qemuVersion: "QEMU", arch: "x86_64" };
  };
  const reports = { send: (report: Report) => void said.push(report) };
  const metrics = new Metrics();
  const host = new MachineHost(slots, { cell: "one", start, directory, leases, reports, metrics, log });
  const take = (job: StartJob) => host.start(job, slots.take() ?? 0);
  const kinds = () => said.map(({ kind, epoch }) => `${kind} ${epoch}`);
  return { host, take, said, kinds, fakes, slots, directory, leases, other, prefix };
}

const job = (change: Partial<StartJob> = {}): StartJob => ({
  ...{ session: newId("ses"), epoch: 1, user: newId("usr"), lab: "net-listen", image: "b".repeat(64) },
  ...{ memoryMib: 64, parameters: { backlog: 5 }, notAfterMs: Date.now() + 60_000 },
  ...change,
});

test("a start reports starting and ready, and machine.json is there", async () => {
  const { take, kinds, directory, slots } = await setup();
  const one = job();
  expect(await take(one)).toBe("done");
  expect(kinds()).toEqual(["starting 1", "ready 1"]);
  expect(await readdir(directory.machinePath(`${one.session}.1`))).toEqual(["machine.json"]);
  expect(slots.free).toBe(1);
});

test("a start job that comes again says ready again, and no second machine starts", async () => {
  const { take, kinds, fakes, slots } = await setup();
  const one = job();
  await Promise.all([take(one), take(one)]);
  await take(one);
  expect(fakes).toHaveLength(1);
  expect(kinds().filter((kind) => kind === "ready 1").length).toBeGreaterThanOrEqual(2);
  expect(slots.free).toBe(1);
});

test("a newer epoch replaces the machine without a word about the old one; an older epoch is dropped", async () => {
  const { take, kinds, fakes, slots, directory } = await setup();
  const first = job();
  await take(first);
  await take({ ...first, epoch: 2 });
  expect(kinds()).toEqual(["starting 1", "ready 1", "starting 2", "ready 2"]);
  expect(fakes.map(({ stopped }) => stopped)).toEqual([true, false]);
  await take(first);
  expect(fakes).toHaveLength(2);
  expect(await directory.machineNames()).toEqual([`${first.session}.2`]);
  expect(slots.free).toBe(1);
});

test("a session that another runner has is tried later, and dropped when its epoch is newer", async () => {
  const { take, kinds, other, slots } = await setup();
  const one = job({ epoch: 3 });
  await other.claim(one.session, 3);
  expect(await take(one)).toBe("later");
  await other.claim(one.session, 4);
  expect(await take(one)).toBe("done");
  expect(kinds()).toEqual([]);
  expect(slots.free).toBe(2);
});

test("a machine whose lease went to a newer epoch ends silently and leaves that lease alone", async () => {
  const { host, take, kinds, other, fakes, prefix } = await setup();
  const one = job();
  await take(one);
  await other.claim(one.session, 2);
  await host.renewLeases();
  expect(fakes[0]?.stopped).toBe(true);
  expect(kinds()).toEqual(["starting 1", "ready 1"]);
  expect(await redis.get(leaseKey(prefix, one.session))).toContain('"another"');
});

test("a lease that Redis forgot is taken again", async () => {
  const { host, take, fakes, prefix } = await setup();
  const one = job();
  await take(one);
  await redis.del(leaseKey(prefix, one.session));
  await host.renewLeases();
  expect(fakes[0]?.stopped).toBe(false);
  expect(await redis.get(leaseKey(prefix, one.session))).toContain('"one"');
});

test.each([
  ["guest_exited", { kind: "guest_exited", detail: "reboot" }],
  ["machine_crashed", { kind: "crashed", detail: "signal 11" }],
  ["machine_unresponsive", { kind: "unresponsive", detail: "silence" }],
] as const)("a machine that ends by itself fails with %s, once, and leaves nothing", async (reason, end) => {
  const { host, take, said, fakes, slots, directory, prefix } = await setup();
  const one = job();
  await take(one);
  fakes[0]?.crash(end);
  await expect.poll(() => host.count).toBe(0);
  expect(said.slice(2)).toMatchObject([{ kind: "failed", reason, detail: end.detail }]);
  expect([slots.free, await directory.machineNames(), await redis.get(leaseKey(prefix, one.session))]).toEqual([
    2,
    [],
    null,
  ]);
});

test("a stop ends the machine and says so; once more it says so again", async () => {
  const { host, take, kinds, fakes, slots } = await setup();
  const one = job();
  await take(one);
  const stop = { session: one.session, epoch: 1, reason: "stopped" } as const;
  await Promise.all([host.stop(stop), host.stop(stop)]);
  expect(fakes[0]?.stopped).toBe(true);
  await host.stop(stop);
  expect(new Set(kinds().slice(2))).toEqual(new Set(["ended 1"]));
  expect(slots.free).toBe(2);
});

test("a stop that is older than the machine leaves it alone", async () => {
  const { host, take, fakes } = await setup();
  const one = job({ epoch: 2 });
  await take(one);
  await host.stop({ session: one.session, epoch: 1, reason: "stopped" });
  expect(fakes[0]?.stopped).toBe(false);
});

test("a start that comes after its session's stop starts nothing", async () => {
  const { host, take, fakes, slots } = await setup();
  const one = job();
  await host.stop({ session: one.session, epoch: 1, reason: "stopped" });
  expect(await take(one)).toBe("done");
  expect(fakes).toHaveLength(0);
  expect(slots.free).toBe(2);
});

test("a machine is ended while it starts", async () => {
  const forever = (_: StartJob, signal: AbortSignal) =>
    new Promise<void>((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const { host, take, kinds, slots } = await setup(1, forever);
  const one = job();
  const starting = take(one);
  await expect.poll(kinds).toEqual(["starting 1"]);
  await host.stop({ session: one.session, epoch: 1, reason: "time_limit" });
  expect(await starting).toBe("done");
  expect(kinds()).toEqual(["starting 1", "ended 1"]);
  expect(slots.free).toBe(1);
});

test("a job that is taken too late fails with start_timeout and starts nothing", async () => {
  const { take, said, fakes, prefix } = await setup();
  const one = job({ notAfterMs: Date.now() - 1 });
  expect(await take(one)).toBe("done");
  expect(said).toMatchObject([{ kind: "failed", reason: "start_timeout" }]);
  expect(fakes).toHaveLength(0);
  expect(await redis.get(leaseKey(prefix, one.session))).toBeNull();
});

test("a start that fails is reported once and gives everything back", async () => {
  const { host, take, said, slots } = await setup(1, () => Promise.reject(new RingsideError("image_missing")));
  expect(await take(job())).toBe("done");
  await expect.poll(() => host.count).toBe(0);
  expect(said).toMatchObject([{ kind: "starting" }, { kind: "failed", reason: "image_unavailable" }]);
  expect(slots.free).toBe(1);
});

test("a failed start's job that comes again starts nothing", async () => {
  const { host, take, kinds, fakes } = await setup();
  const one = job();
  await take(one);
  fakes[0]?.crash({ kind: "crashed", detail: "signal 11" });
  await expect.poll(() => host.count).toBe(0);
  expect(await take(one)).toBe("done");
  expect(kinds()).toEqual(["starting 1", "ready 1", "failed 1"]);
});

test("a machine that came up after its lease went to another runner is never shown", async () => {
  let steal: (session: string) => Promise<unknown> = async () => undefined;
  const { host, take, kinds, fakes, other, prefix } = await setup(1, ({ session }) =>
    steal(session).then(() => undefined),
  );
  steal = async (session) => {
    await redis.del(leaseKey(prefix, session));
    await other.claim(session, 1);
  };
  expect(await take(job())).toBe("done");
  await expect.poll(() => host.count).toBe(0);
  expect(fakes[0]?.stopped).toBe(true);
  expect(kinds()).toEqual(["starting 1"]);
});

test("with all slots taken, a waiting reset makes room by ending its own machine only", async () => {
  const { host, take, fakes, slots } = await setup(2);
  const [one, two] = [job(), job()];
  await take(one);
  await take(two);
  await host.makeRoomFor([{ junk: true }, job(), { ...one, epoch: 1 }, { ...two, epoch: 2 }]);
  expect(fakes.map(({ stopped }) => stopped)).toEqual([false, true]);
  expect(slots.free).toBe(1);
});
