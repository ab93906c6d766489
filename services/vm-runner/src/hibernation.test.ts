import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectRedis } from "@ringside/redis";
import { leaseKey, newId, RingsideError } from "@ringside/shared";
import { afterAll, expect, inject, test } from "vitest";
import { SavedStates } from "./saved-states.ts";
import { type HostBedOptions, hostBed, newJob } from "./testing/host-bed.ts";

// Sleep, wake, checkpoints and forks, with real Redis and real folders; only the emulator is a fake.
const redis = connectRedis(inject("redisUrl"), "worker", () => undefined);
const base = mkdtempSync(join(tmpdir(), "rs-sleep-"));
const closing: AsyncDisposable[] = [];
let count = 0;
afterAll(async () => {
  for (const bed of closing) await bed[Symbol.asyncDispose]();
  rmSync(base, { recursive: true, force: true });
  redis.disconnect();
});

async function setup(options: Partial<HostBedOptions> = {}) {
  count += 1;
  const folder = join(base, String(count));
  const bed = await hostBed({ redis, folder, ...options });
  closing.push(bed);
  return { ...bed, data: join(folder, "data") };
}

async function asleep(options: Partial<HostBedOptions> = {}) {
  const bed = await setup(options);
  const job = newJob();
  await bed.take(job);
  const bytes = await bed.hibernation.hibernate(job.session, 1, true);
  return { ...bed, job, session: job.session, bytes, sessionFolder: join(bed.data, "states", job.session) };
}

test("a machine that hibernates is a file: no folder, no slot, no lease, and one report", async () => {
  const { host, session, bytes, kinds, said, folders, slots, states, prefix } = await asleep();
  expect(kinds()).toEqual(["ready 1", "hibernated 1"]);
  expect(said.at(-1)).toMatchObject({ bytes });
  expect([host.count, await folders(), slots.free]).toEqual([0, [], 2]);
  expect(states.hibernated(session)?.job.epoch).toBe(1);
  expect(await redis.get(leaseKey(prefix, session))).toBeNull();
});

test("woken, it is ready again with the same epoch, from its state, which is gone then", async () => {
  const { hibernation, session, kinds, fakes, states, prefix, sessionFolder, directory } = await asleep();
  const woken = await hibernation.wake(session, "no");
  expect(woken).toEqual({ machine: fakes[1]?.name, awakeAlready: false });
  expect(fakes[1]?.origin).toMatchObject({ kind: "hibernated", run: "no" });
  expect(kinds().slice(2)).toEqual(["ready 1"]);
  expect([states.hibernated(session), await readdir(sessionFolder)]).toEqual([null, []]);
  expect(await redis.get(leaseKey(prefix, session))).toContain('"one"');
  const file = await readFile(join(directory.shownPath(woken.machine), "machine.json"), "utf8");
  expect(JSON.parse(file)).toMatchObject({ machine: woken.machine, from: "hibernated", consoleStart: "" });
});

test("many who wake a session wake it once, and one that is awake is answered at once", async () => {
  const { hibernation, session, fakes, slots } = await asleep();
  const woken = await Promise.all([1, 2, 3].map(() => hibernation.wake(session, "as-before")));
  expect(new Set(woken.map(({ machine }) => machine))).toEqual(new Set([fakes[1]?.name]));
  expect(woken.filter(({ awakeAlready }) => !awakeAlready)).toHaveLength(1);
  expect(await hibernation.wake(session, "as-before")).toEqual({ machine: fakes[1]?.name, awakeAlready: true });
  expect([fakes.length, slots.free]).toEqual([2, 1]);
});

test("it sleeps and wakes again and again", async () => {
  const { hibernation, session, fakes, slots, kinds } = await asleep();
  for (let round = 0; round < 3; round += 1) {
    await hibernation.wake(session, "as-before");
    await hibernation.hibernate(session, 1, false);
  }
  expect([fakes.length, slots.free]).toEqual([4, 2]);
  expect(kinds().slice(1)).toEqual([
    "hibernated 1",
    ...Array.from({ length: 3 }, () => ["ready 1", "hibernated 1"]).flat(),
  ]);
});

test("a session that is unknown here cannot be woken, nor one that runs another epoch hibernated", async () => {
  const { hibernation, take } = await setup();
  await expect(hibernation.wake(newId("ses"), "no")).rejects.toMatchObject({ code: "session_not_ready" });
  const job = newJob({ epoch: 2 });
  await take(job);
  await expect(hibernation.hibernate(job.session, 1, true)).rejects.toMatchObject({ code: "conflict" });
});

test("where all slots are taken a wake waits for one", async () => {
  const { hibernation, session, take, host, fakes } = await asleep({ slots: 1 });
  const other = newJob();
  await take(other);
  const waking = hibernation.wake(session, "as-before");
  await host.stop({ session: other.session, epoch: 1, reason: "stopped" });
  expect((await waking).machine).toBe(fakes[2]?.name);
});

test("a state that cannot be loaded is said to be damaged each time, kept aside, and a reset helps", async () => {
  const bed = await asleep({
    before: async (_job, _signal, origin) => {
      if (origin.kind === "hibernated") throw new RingsideError("state_damaged");
    },
  });
  const { hibernation, session, kinds, host, job, slots, data, states } = bed;
  for (const _ of [1, 2]) {
    await expect(hibernation.wake(session, "no")).rejects.toMatchObject({ code: "state_damaged" });
  }
  await expect.poll(() => readdir(join(data, "states", "damaged"))).toHaveLength(1);
  expect(kinds().at(-1)).toBe("hibernated 1");
  expect(slots.free).toBe(2);
  expect(await host.start({ ...job, epoch: 2 }, null)).toBe("done");
  expect([kinds().at(-1), states.hibernated(session)]).toEqual(["ready 2", null]);
});

test("a session that sleeps survives its runner", async () => {
  const { session, data, bytes } = await asleep();
  const next = await SavedStates.open(data);
  expect(next.asleep).toMatchObject([{ bytes, job: { session, epoch: 1 } }]);
});

test("the start job of a session that sleeps says so again, and starts nothing", async () => {
  const { host, job, kinds, fakes } = await asleep();
  expect(await host.start(job, null)).toBe("done");
  expect([kinds().at(-1), fakes.length]).toEqual(["hibernated 1", 1]);
});

test("the stop of a session that sleeps removes all that was saved, and says that it ended", async () => {
  const { host, session, kinds, sessionFolder, hibernation } = await asleep();
  await host.stop({ session, epoch: 1, reason: "time_limit" });
  expect(kinds().at(-1)).toBe("ended 1");
  expect(existsSync(sessionFolder)).toBe(false);
  await expect(hibernation.wake(session, "no")).rejects.toMatchObject({ code: "session_not_ready" });
});

test("a session that is stopped while it falls asleep ends, and nothing of it is left", async () => {
  let stop: () => Promise<void> = async () => undefined;
  const bed = await setup({ saving: () => stop() });
  const job = newJob();
  await bed.take(job);
  const { session } = job;
  let stopping: Promise<void> = Promise.resolve();
  stop = async () => {
    stopping = bed.host.stop({ session, epoch: 1, reason: "stopped" });
  };
  await expect(bed.hibernation.hibernate(session, 1, true)).rejects.toMatchObject({ code: "machine_gone" });
  await stopping;
  expect(bed.kinds().at(-1)).toBe("ended 1");
  expect(bed.kinds()).not.toContain("hibernated 1");
  expect(existsSync(join(bed.data, "states", session))).toBe(false);
});

test("a machine that is recorded can be neither hibernated nor saved nor forked", async () => {
  const { take, hibernation, copies } = await setup();
  const job = newJob({ record: true });
  await take(job);
  const { session } = job;
  const fork = { session, epoch: 1, name: null, into: newId("ses"), runOn: true };
  for (const refused of [
    hibernation.hibernate(session, 1, true),
    copies.save(session, 1, "x", true),
    copies.fork(fork),
  ]) {
    await expect(refused).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining("recorded") });
  }
});

test("a disk that is full leaves the machine as it was", async () => {
  const full = Object.assign(new Error("no space"), { code: "ENOSPC" });
  const { take, hibernation, host, states } = await setup({ saving: () => Promise.reject(full) });
  const job = newJob();
  await take(job);
  await expect(hibernation.hibernate(job.session, 1, true)).rejects.toBe(full);
  expect([host.of(job.session)?.running?.name, states.hibernated(job.session)]).toEqual([expect.any(String), null]);
});

test("checkpoints are listed, replaced, bounded and forgotten, and a start job starts from one", async () => {
  const { take, copies, host, fakes } = await setup();
  const job = newJob();
  await take(job);
  const { session } = job;
  for (const name of ["a", "b", "a"]) await copies.save(session, 1, name, true);
  expect((await copies.list(session)).map(({ name }) => name)).toEqual(["a", "b"]);
  for (const name of ["c", "d", "e", "f", "g", "h"]) await copies.save(session, 1, name, true);
  await expect(copies.save(session, 1, "i", true)).rejects.toMatchObject({ code: "conflict" });
  await copies.save(session, 1, "h", true);
  await copies.forget(session, "a");
  expect(await copies.list(session)).toHaveLength(7);
  await host.start({ ...job, epoch: 2, state: "b" }, null);
  expect(fakes[1]?.origin).toMatchObject({ kind: "state", file: expect.stringMatching(/checkpoint\.b\.state$/) });
});

test.each(["running", "asleep", "checkpoint"] as const)("a fork of what is %s is the new session's", async (what) => {
  const { take, copies, hibernation, states } = await setup();
  const [job, into] = [newJob(), newId("ses")];
  await take(job);
  const { session } = job;
  if (what === "checkpoint") await copies.save(session, 1, "here", false);
  if (what === "asleep") await hibernation.hibernate(session, 1, false);
  const name = what === "checkpoint" ? "here" : null;
  const bytes = await copies.fork({ session, epoch: 1, name, into, runOn: false });
  expect(bytes).toBeGreaterThan(0);
  expect(await readFile(states.checkpoint(into, "fork"), "utf8")).toMatch(/^a saved machine mch_\w+ false$/);
  await rm(join(states.checkpoint(session, "x"), ".."), { recursive: true, force: true });
  expect(await copies.list(into)).toHaveLength(1);
  const nothing = { session, epoch: 1, name: "nowhere", into, runOn: true };
  await expect(copies.fork(nothing)).rejects.toMatchObject({ code: "not_found" });
});

test("a session that failed leaves no saved states", async () => {
  const { take, copies, fakes, data } = await setup();
  const job = newJob();
  await take(job);
  await copies.save(job.session, 1, "a", true);
  fakes[0]?.crash({ kind: "crashed", detail: "signal 11" });
  await expect.poll(() => existsSync(join(data, "states", job.session))).toBe(false);
});
