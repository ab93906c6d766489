import { mkdtempSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectRedis } from "@ringside/redis";
import { leaseKey, RingsideError, type StartJob } from "@ringside/shared";
import { afterAll, expect, inject, test } from "vitest";
import { type HostBedOptions, hostBed, newJob as job } from "./testing/host-bed.ts";

// Real Redis and real folders; only the emulator is a fake.
const redis = connectRedis(inject("redisUrl"), "worker", () => undefined);
const base = mkdtempSync(join(tmpdir(), "rs-host-"));
const closing: AsyncDisposable[] = [];
let count = 0;
afterAll(async () => {
  for (const bed of closing) await bed[Symbol.asyncDispose]();
  rmSync(base, { recursive: true, force: true });
  redis.disconnect();
});

async function setup(slots = 2, before?: HostBedOptions["before"]) {
  count += 1;
  const bed = await hostBed({ redis, folder: join(base, String(count)), slots, ...(before && { before }) });
  closing.push(bed);
  return bed;
}

test("a start that is quick reports only ready, and machine.json is there", async () => {
  const { take, kinds, directory, fakes, slots } = await setup();
  const one = job();
  expect(await take(one)).toBe("done");
  expect(kinds()).toEqual(["ready 1"]);
  expect(await readdir(directory.shownPath(fakes[0]?.name ?? ""))).toEqual(["machine.json"]);
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
  const { host, take, kinds, fakes, slots, folders } = await setup();
  const first = job();
  await take(first);
  await take({ ...first, epoch: 2 });
  await expect.poll(() => host.count).toBe(1);
  expect(kinds()).toEqual(["ready 1", "ready 2"]);
  expect(fakes.map(({ stopped }) => stopped)).toEqual([true, false]);
  await take(first);
  expect(fakes).toHaveLength(2);
  expect(await folders()).toEqual([fakes[1]?.name]);
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
  expect(kinds()).toEqual(["ready 1"]);
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
  const { host, take, said, fakes, slots, folders, prefix } = await setup();
  const one = job();
  await take(one);
  fakes[0]?.crash(end);
  await expect.poll(() => host.count).toBe(0);
  expect(said.slice(1)).toMatchObject([{ kind: "failed", reason, detail: end.detail }]);
  expect([slots.free, await folders(), await redis.get(leaseKey(prefix, one.session))]).toEqual([2, [], null]);
});

test("a stop ends the machine and says so; once more it says so again", async () => {
  const { host, take, kinds, fakes, slots } = await setup();
  const one = job();
  await take(one);
  const stop = { session: one.session, epoch: 1, reason: "stopped" } as const;
  await Promise.all([host.stop(stop), host.stop(stop)]);
  expect(fakes[0]?.stopped).toBe(true);
  await host.stop(stop);
  expect(new Set(kinds().slice(1))).toEqual(new Set(["ended 1"]));
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
  expect(said).toMatchObject([{ kind: "failed", reason: "image_unavailable" }]);
  expect(slots.free).toBe(1);
});

test("a failed start's job that comes again starts nothing", async () => {
  const { host, take, kinds, fakes } = await setup();
  const one = job();
  await take(one);
  fakes[0]?.crash({ kind: "crashed", detail: "signal 11" });
  await expect.poll(() => host.count).toBe(0);
  expect(await take(one)).toBe("done");
  expect(kinds()).toEqual(["ready 1", "failed 1"]);
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
  expect(kinds()).toEqual([]);
});

test("with all slots taken, a reset of the cell's own queue starts in its machine's slot, and no other job does", async () => {
  const { host, take, fakes, slots } = await setup(2);
  const [one, two] = [job(), job()];
  await take(one);
  await take(two);
  expect(await host.start({ ...two, epoch: 2 }, null)).toBe("done");
  await expect.poll(() => host.count).toBe(2);
  expect(fakes.map(({ stopped }) => stopped)).toEqual([false, true, false]);
  expect(await host.start(job(), null)).toBe("later");
  expect([slots.free, fakes.length]).toEqual([0, 3]);
});

test("a reset's machine is shown only once the old one is out of sight, and never waits for its end", async () => {
  let shownBefore: readonly string[] = [];
  const bed = await setup(1);
  const first = job();
  await bed.take(first);
  const [old] = bed.fakes;
  const show = bed.directory.show.bind(bed.directory);
  bed.directory.show = async (name, file) => {
    shownBefore = await readdir(bed.directory.machines);
    await show(name, file);
  };
  expect(await bed.host.start({ ...first, epoch: 2 }, null)).toBe("done");
  expect(shownBefore).toEqual([]);
  expect(old?.stopped).toBe(true);
  expect(await readdir(bed.directory.machines)).toEqual([bed.fakes[1]?.name]);
});

test("resets one after the other leave one machine and lose no slot", async () => {
  const { host, take, slots, folders, kinds } = await setup(2);
  const first = job();
  await take(first);
  await Promise.all([2, 3, 4, 5].map((epoch) => host.start({ ...first, epoch }, null)));
  await expect.poll(() => host.count).toBe(1);
  expect([slots.free, (await folders()).length, kinds().at(-1)]).toEqual([1, 1, "ready 5"]);
  await host.stop({ session: first.session, epoch: 5, reason: "stopped" });
  expect([slots.free, (await folders()).length]).toEqual([2, 0]);
});

test("a recorded machine's log is kept however it ends, and is whole where it ended in good order", async () => {
  const { host, take, fakes, recordings } = await setup(2);
  const [one, two] = [job({ record: true }), job({ record: true })];
  await take(one);
  await take(two);
  await host.stop({ session: one.session, epoch: 1, reason: "submitted" });
  expect(fakes[0]?.quit).toBe(true);
  expect(await recordings.of(one.session)).toMatchObject([{ epoch: 1, whole: true, template: "c".repeat(64) }]);
  fakes[1]?.crash({ kind: "crashed", detail: "signal 9" });
  await expect.poll(() => host.count).toBe(0);
  expect(await recordings.of(two.session)).toMatchObject([{ epoch: 1, whole: false }]);
});

test("a run directory without room fails the session as storage_full, and leaves nothing", async () => {
  const { host, take, said, slots, fakes, folders, directory } = await setup();
  directory.show = () => Promise.reject(Object.assign(new Error("no space left on device"), { code: "ENOSPC" }));
  expect(await take(job())).toBe("done");
  await expect.poll(() => host.count).toBe(0);
  expect(said.at(-1)).toMatchObject({ kind: "failed", reason: "storage_full" });
  expect([fakes[0]?.stopped, slots.free, await folders()]).toEqual([true, 2, []]);
});

test("once it closes, a host starts nothing", async () => {
  const { host, take, fakes } = await setup();
  host.close();
  expect(await take(job())).toBe("later");
  expect(fakes).toEqual([]);
});
