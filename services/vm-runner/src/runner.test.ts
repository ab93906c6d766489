import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { processesWithArgument } from "@ringside/emulator";
import { cellRunnerKey, cellRunnerSchema, type StartJob, startJobId } from "@ringside/shared";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { end, RunnerBed, TestConsole, until } from "../../../tests/support/runner-bed.ts";

// The runner as its own process, with real Redis, real QEMU and the real course image.
const bed = new RunnerBed();
beforeAll(() => bed.open());
afterEach(() => bed.clear());
afterAll(() => bed[Symbol.asyncDispose]());

const shown = (): readonly string[] => readdirSync(join(bed.run, "m"));
const announced = async () =>
  cellRunnerSchema.parse(JSON.parse((await bed.redis.get(cellRunnerKey(bed.prefix, "one"))) ?? "{}"));

const HINT = { en: "Look at rax.", zh: "看 rax。" };

test("machines come, are reset and go, and nothing is left of them", async () => {
  await bed.runner({ RINGSIDE_POOL_MAX: "0" });
  const jobs = await Promise.all([
    bed.start({ cpuPercent: 20, idleMinutes: 7, onDisconnect: "stay", hints: [HINT] }),
    bed.start(),
    bed.start(),
  ]);
  for (const { session } of jobs) await bed.heard(session, "ready 1");
  const [first, second, third] = jobs as [StartJob, StartJob, StartJob];
  const { user, parameters, session } = first;
  const before = bed.machine(session);
  expect(before).toMatchObject({ session, epoch: 1, user, parameters, arch: "x86_64", image: bed.image });
  expect(before).toMatchObject({
    from: "fresh",
    recording: false,
    idleMinutes: 7,
    onDisconnect: "stay",
    hints: [HINT],
    memoryMib: first.memoryMib,
    template: expect.any(String),
  });
  expect(readdirSync(join(bed.run, "m", before.machine)).sort()).toEqual(["console.sock", "gdb.sock", "machine.json"]);
  expect((await announced()).slots).toBe(4);

  await bed.start({ ...first, epoch: 2 }, "cell");
  await bed.heard(session, "ready 2");
  expect(bed.machine(session).epoch).toBe(2);
  await until("the old machine's end", async () =>
    (await processesWithArgument(before.machine)).length === 0 ? true : undefined,
  );
  for (const [job, epoch] of [
    [first, 2],
    [second, 1],
    [third, 1],
  ] as const) {
    const { machine } = bed.machine(job.session);
    await bed.stop({ session: job.session, epoch, reason: "stopped" });
    await bed.heard(job.session, `ended ${epoch}`);
    expect(await processesWithArgument(machine)).toEqual([]);
  }
  await until("the folders' end", () => (bed.folders().length === 0 ? true : undefined));
  expect(await bed.heard(session, "ready 1")).toMatchObject({ how: "clone" });
});

test("what waits in the pool is taken by a start, a reset too, and replaced", async () => {
  const { log } = await bed.runner({ RINGSIDE_WARM_IMAGES: "linux-x86_64" });
  const loadWith = (pool: number, starts: number) =>
    until(`${pool} in the pool after ${starts} starts`, async () => {
      const { load } = await announced();
      return load.pool.ready === pool && load.starts.pool === starts ? load : undefined;
    });
  await loadWith(2, 0);
  const waiting = readdirSync(join(bed.run, "pool"));
  const job = await bed.start();
  expect(await bed.heard(job.session, "ready 1")).toMatchObject({ how: "pool" });
  expect(waiting).toContain(bed.machine(job.session).machine);
  await loadWith(2, 1);
  await bed.start({ ...job, epoch: 2 }, "cell");
  expect(await bed.heard(job.session, "ready 2")).toMatchObject({ how: "pool" });
  using console = new TestConsole(join(bed.run, "m", bed.machine(job.session).machine, "console.sock"));
  await console.type("shell", "# ");
  await console.type("env", "backlog=17"); // its own parameters
  const load = await loadWith(3, 2); // two starts in one window
  expect(load).toMatchObject({ running: 1, starts: { clone: 0, cold: 0 } });
  expect(load.memory.privateBytes).toBeGreaterThan(4 * 4 * 1024 * 1024);
  expect(log()).not.toContain('"level":50');
});

test("a prewarmed machine that is killed is replaced", async () => {
  await bed.runner({ RINGSIDE_WARM_IMAGES: "linux-x86_64", RINGSIDE_POOL_MIN: "1", RINGSIDE_POOL_MAX: "1" });
  const one = () =>
    until("the pool", async () => ((await announced()).load.pool.ready === 1 ? bed.folders() : undefined));
  const [name = ""] = await one();
  for (const pid of await processesWithArgument(name)) process.kill(pid, "SIGKILL");
  await until("another one", () => (bed.folders().some((folder) => folder !== name) ? true : undefined));
  expect(await processesWithArgument(name)).toEqual([]);
  const job = await bed.start();
  await bed.heard(job.session, "ready 1");
});

test("the end of QEMU and the guest's reboot are told apart and reported, without another try", async () => {
  await bed.runner();
  const [killed, rebooted] = [await bed.start(), await bed.start()];
  for (const { session } of [killed, rebooted]) await bed.heard(session, "ready 1");
  process.kill(bed.machine(killed.session).pid, "SIGKILL");
  expect(await bed.heard(killed.session, "failed 1")).toMatchObject({ reason: "machine_crashed" });
  using console = new TestConsole(join(bed.run, "m", bed.machine(rebooted.session).machine, "console.sock"));
  await console.type("shell", "# ");
  console.write("reboot -f\n");
  expect(await bed.heard(rebooted.session, "failed 1")).toMatchObject({ reason: "guest_exited" });
  for (const { session } of [killed, rebooted]) {
    const said = bed.saidOf(session).filter((word) => word !== "starting 1"); // only a slow start says it
    expect(said).toEqual(["ready 1", "failed 1"]);
  }
  expect(shown()).toEqual([]);
});

test("an emulator that stops answering is ended, and its session fails", async () => {
  await bed.runner({ RINGSIDE_POOL_MAX: "0" });
  const job = await bed.start();
  await bed.heard(job.session, "ready 1");
  const { pid, machine } = bed.machine(job.session);
  process.kill(pid, "SIGSTOP");
  expect(await bed.heard(job.session, "failed 1")).toMatchObject({ reason: "machine_unresponsive" });
  expect(await processesWithArgument(machine)).toEqual([]);
  await until("the folder's end", () => (bed.folders().length === 0 ? true : undefined));
});

test("a runner told to end takes no jobs, ends its machines as the operator's doing and exits well", async () => {
  const { child } = await bed.runner();
  const job = await bed.start();
  await bed.heard(job.session, "ready 1");
  const { machine } = bed.machine(job.session);
  const ending = end(child, "SIGTERM");
  expect(await bed.heard(job.session, "ended 1")).toMatchObject({ reason: "operator" });
  expect(await ending).toBe(0);
  expect(await processesWithArgument(machine)).toEqual([]);
  expect([bed.folders(), existsSync(join(bed.run, "cell.sock"))]).toEqual([[], false]);
  expect(await bed.redis.get(cellRunnerKey(bed.prefix, "one"))).toBeNull();
  const late = await bed.start();
  expect(await bed.starts.getActiveCount()).toBe(0);
  await bed.starts.remove(startJobId(late));
});

test("a full cell leaves jobs to others, but a reset of its own machine does not wait", async () => {
  await bed.runner({ RINGSIDE_SLOTS: "1" });
  const job = await bed.start();
  await bed.heard(job.session, "ready 1");
  const other = await bed.start();
  await bed.start({ ...job, epoch: 2 }, "cell");
  await bed.heard(job.session, "ready 2");
  expect(bed.saidOf(other.session)).toEqual([]);
  expect(await bed.starts.getWaitingCount()).toBe(1);
  await bed.stop({ session: job.session, epoch: 2, reason: "stopped" });
  await bed.heard(other.session, "ready 1");
});

test("machines outlive Redis, and what happened meanwhile is reported when it is back", async () => {
  await bed.runner();
  const [staying, dying] = [await bed.start(), await bed.start()];
  for (const { session } of [staying, dying]) await bed.heard(session, "ready 1");
  const { pid } = bed.machine(staying.session);
  const doomed = bed.machine(dying.session);
  await bed.killRedis();
  process.kill(doomed.pid, "SIGKILL");
  await until("the machine's end", () => (shown().includes(doomed.machine) ? undefined : true));
  await bed.startRedis();
  await bed.heard(dying.session, "failed 1");
  expect(bed.machine(staying.session).pid).toBe(pid);
  const later = await bed.start();
  await bed.heard(later.session, "ready 1");
});

test("an image that is not there fails its session and nothing else", async () => {
  await bed.runner();
  const job = await bed.start({ image: "f".repeat(64) });
  expect(await bed.heard(job.session, "failed 1")).toMatchObject({ reason: "image_unavailable" });
});

test("a start whose template was being made when its runner was killed is started by the next runner, once", async () => {
  rmSync(join(bed.cache, "templates"), { recursive: true, force: true });
  const { child } = await bed.runner();
  const job = await bed.start();
  await bed.heard(job.session, "starting 1");
  await end(child, "SIGKILL");
  expect(bed.saidOf(job.session)).toEqual(["starting 1"]);
  await bed.runner();
  await bed.heard(job.session, "ready 1");
  expect(shown()).toHaveLength(1);
  expect(readdirSync(join(bed.run, "t"))).toEqual([]);
});
