import { mkdtempSync, rmSync } from "node:fs";
import { readdir, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newId, SESSION_MINUTES_MAX } from "@ringside/shared";
import { afterAll, expect, test } from "vitest";
import { DAMAGED_STATES_MAX, STATES_MARGIN_MINUTES } from "./limits.ts";
import { SavedStates } from "./saved-states.ts";
import { newJob } from "./testing/host-bed.ts";

const base = mkdtempSync(join(tmpdir(), "rs-states-"));
let count = 0;
afterAll(() => rmSync(base, { recursive: true, force: true }));

async function setup() {
  count += 1;
  const data = join(base, String(count));
  return { data, states: await SavedStates.open(data) };
}

async function sleeper(states: SavedStates) {
  const job = newJob();
  await writeFile(await states.hibernatedFile(job.session), "state");
  await states.fellAsleep(job, 5);
  return job;
}

test("what sleeps is known again after a restart, by the job that it was started by", async () => {
  const { data, states } = await setup();
  const job = await sleeper(states);
  const again = await SavedStates.open(data);
  expect(again.hibernated(job.session)).toMatchObject({ job, bytes: 5 });
  await again.awoke(job.session);
  expect((await SavedStates.open(data)).asleep).toEqual([]);
  expect(await readdir(join(data, "states", job.session))).toEqual([]);
});

test("a state without its job, or with one that does not parse or is another's, does not sleep", async () => {
  const { data, states } = await setup();
  const [one, two, three] = [newId("ses"), await sleeper(states), await sleeper(states)];
  await writeFile(await states.hibernatedFile(one), "state");
  await writeFile(join(data, "states", two.session, "hibernated.json"), "{}");
  await writeFile(
    join(data, "states", three.session, "hibernated.json"),
    JSON.stringify({ job: newJob(), bytes: 1, savedAt: new Date().toISOString() }),
  );
  expect((await SavedStates.open(data)).asleep).toEqual([]);
});

test("names of people and of ours cannot meet, and no name leads out of the folder", async () => {
  const { states } = await setup();
  const session = newId("ses");
  expect(states.checkpoint(session, "hibernated")).not.toBe(await states.hibernatedFile(session));
  for (const name of ["../x", "a/b", "A", "", ".."]) expect(() => states.checkpoint(session, name)).toThrow();
  expect(() => states.checkpoint("../..", "a")).toThrow();
});

test("what is older than any session can be is removed; files of the others are named", async () => {
  const { data, states } = await setup();
  const [old, young] = [await sleeper(states), await sleeper(states)];
  const then = new Date(Date.now() - (SESSION_MINUTES_MAX + STATES_MARGIN_MINUTES + 1) * 60_000);
  await utimes(join(data, "states", old.session), then, then);
  expect(await states.sweep()).toEqual([await states.hibernatedFile(young.session)]);
  expect(states.asleep.map(({ job }) => job.session)).toEqual([young.session]);
});

test("damaged states are kept aside, the newest ones, and their sessions sleep on without", async () => {
  const { data, states } = await setup();
  const jobs = [];
  for (let index = 0; index < DAMAGED_STATES_MAX + 2; index += 1) jobs.push(await sleeper(states));
  for (const { session } of jobs) await states.setAside(session, await states.hibernatedFile(session));
  const kept = await readdir(join(data, "states", "damaged"));
  expect(kept).toHaveLength(DAMAGED_STATES_MAX);
  expect(states.asleep).toHaveLength(jobs.length);
  const last = jobs.at(-1)?.session ?? "";
  await states.setAside(last, await states.hibernatedFile(last)); // gone already
  expect(await readdir(join(data, "states", "damaged"))).toEqual(kept);
});
