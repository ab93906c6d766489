import { readdirSync } from "node:fs";
import { join } from "node:path";
import { processesWithArgument } from "@ringside/emulator";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { end, RunnerBed, type RunningRunner, until } from "../../../tests/support/runner-bed.ts";

// The runner dies at each step; the next one finds nothing in its way and leaves nothing behind.
const bed = new RunnerBed();
beforeAll(() => bed.open());
afterEach(() => bed.clear());
afterAll(() => bed[Symbol.asyncDispose]());

const died = ({ child }: RunningRunner) =>
  until("the runner to die", () => (child.signalCode === "SIGKILL" ? true : undefined));

/** All machines' processes that were there are gone. */
const noneLeft = (names: readonly string[]) =>
  until("the machines' processes to end", async () => {
    for (const name of names) if ((await processesWithArgument(name)).length > 0) return undefined;
    return true;
  });

test.each(["before-spawn", "after-spawn", "after-load", "before-ready"])(
  "killed %s of a start, the job is run again by the next runner, with one machine",
  async (step) => {
    const first = await bed.runner({ RINGSIDE_CRASH_AT: step });
    const job = await bed.start();
    await died(first);
    expect(bed.saidOf(job.session).filter((said) => said !== "starting 1")).toEqual([]);
    const left = bed.folders();
    await bed.runner({ RINGSIDE_POOL_MAX: "0" });
    await noneLeft(left);
    await bed.heard(job.session, "ready 1");
    // The dead one's folder is swept beside the new start.
    await until("one folder to be left", () => (bed.folders().length === 1 ? true : undefined));
    expect(bed.folders()).toEqual([bed.machine(job.session).machine]);
  },
);

test("a runner that is killed takes its machines and its pool along, and the next one clears up and goes on", async () => {
  const { child } = await bed.runner({ RINGSIDE_WARM_IMAGES: "linux-x86_64" });
  const job = await bed.start();
  await bed.heard(job.session, "ready 1");
  await until("the pool", () => (bed.folders().length > 1 ? true : undefined));
  const left = bed.folders();
  await end(child, "SIGKILL");
  await noneLeft(left);
  await bed.runner({ RINGSIDE_POOL_MAX: "0" });
  expect(bed.folders()).toEqual([]);
  await bed.start({ ...job, epoch: 2 });
  await bed.heard(job.session, "ready 2");
});

test("killed in the middle of a hibernation, the session is not asleep, and nothing is left of its machine", async () => {
  const first = await bed.runner({ RINGSIDE_CRASH_AT: "mid-hibernate" });
  const { session } = await bed.start();
  await bed.heard(session, "ready 1");
  const left = bed.folders();
  await expect(bed.ask({ do: "hibernate", session, epoch: 1, runOn: true })).rejects.toThrow();
  await died(first);
  await bed.runner({ RINGSIDE_POOL_MAX: "0" });
  await noneLeft(left);
  expect(bed.folders()).toEqual([]);
  await expect(bed.ask({ do: "wake", session, run: "no" })).rejects.toMatchObject({ code: "session_not_ready" });
  await bed.stop({ session, epoch: 1, reason: "stopped" });
  await bed.heard(session, "ended 1");
  expect(readdirSync(join(bed.data, "states"))).toEqual(["damaged"]);
});

test("killed in the middle of a wake, the session sleeps on and is woken by the next runner", async () => {
  const first = await bed.runner({ RINGSIDE_CRASH_AT: "mid-wake" });
  const { session } = await bed.start();
  await bed.heard(session, "ready 1");
  await bed.ask({ do: "hibernate", session, epoch: 1, runOn: true });
  await bed.heard(session, "hibernated 1");
  await expect(bed.ask({ do: "wake", session, run: "as-before" })).rejects.toThrow();
  await died(first);
  await bed.runner({ RINGSIDE_POOL_MAX: "0" });
  await bed.heard(session, "hibernated 1", 2);
  const { machine } = await bed.ask({ do: "wake", session, run: "as-before" });
  expect(bed.folders()).toEqual([machine]);
});
