import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { processesWithArgument } from "@ringside/emulator";
import { newId, recordingPath } from "@ringside/shared";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { end, RunnerBed, TestConsole } from "../../../tests/support/runner-bed.ts";

// Saved machines and recordings, with the runner as its own process and real QEMU.
const bed = new RunnerBed();
beforeAll(() => bed.open());
afterEach(() => bed.clear());
afterAll(() => bed[Symbol.asyncDispose]());

const consoleOf = (session: string) =>
  new TestConsole(join(bed.run, "m", bed.machine(session).machine, "console.sock"));

/** A session whose guest knows a word that only its memory holds. */
async function withWord(word: string) {
  const job = await bed.start();
  await bed.heard(job.session, "ready 1");
  using console = consoleOf(job.session);
  await console.type("shell", "# ");
  await console.type(`word=${word}`, "# ");
  return job;
}

test("a machine that sleeps is a small file, survives its runner, and wakes as it was", async () => {
  const { child } = await bed.runner();
  const { session } = await withWord("kingfisher");
  const { machine } = bed.machine(session);
  const { bytes } = await bed.ask({ do: "hibernate", session, epoch: 1, runOn: true });
  expect(bytes).toBeLessThan(1_000_000);
  expect(await bed.heard(session, "hibernated 1")).toMatchObject({ bytes });
  expect(await processesWithArgument(machine)).toEqual([]);
  await end(child, "SIGKILL");
  await bed.runner();
  await bed.heard(session, "hibernated 1", 2);
  const woken = await bed.ask({ do: "wake", session, run: "as-before" });
  expect(bed.machine(session)).toMatchObject({ machine: woken.machine, from: "hibernated", epoch: 1 });
  using console = consoleOf(session);
  await console.type('echo "<$word>"', "<kingfisher>");
  await bed.heard(session, "ready 1", 2);
  expect(readdirSync(join(bed.data, "states", session))).toEqual([]);
});

test("a state that was damaged is refused with its code, and a reset gives a fresh machine", async () => {
  await bed.runner();
  const job = await withWord("heron");
  const { session } = job;
  await bed.ask({ do: "hibernate", session, epoch: 1, runOn: true });
  const file = join(bed.data, "states", session, "hibernated.state");
  const content = readFileSync(file);
  content[content.length - 50] = (content[content.length - 50] ?? 0) ^ 1;
  writeFileSync(file, content);
  for (const _ of [1, 2]) {
    await expect(bed.ask({ do: "wake", session, run: "no" })).rejects.toMatchObject({ code: "state_damaged" });
  }
  await bed.start({ ...job, epoch: 2 }, "cell");
  await bed.heard(session, "ready 2");
});

test("a checkpoint is restored, and a fork goes its own way", async () => {
  await bed.runner();
  const job = await withWord("before");
  const { session } = job;
  await bed.ask({ do: "save", session, epoch: 1, name: "here" });
  const into = newId("ses");
  await bed.ask({ do: "fork", session, epoch: 1, name: "here", into });
  await bed.start({ ...job, epoch: 2, state: "here" }, "cell");
  await bed.start({ ...job, session: into, state: "fork" }, "cell");
  for (const [one, said] of [
    [session, "ready 2"],
    [into, "ready 1"],
  ] as const) {
    await bed.heard(one, said);
    expect(bed.machine(one).from).toBe("state");
    using console = consoleOf(one);
    await console.type('echo "<$word>"', "<before>");
    await console.type(`word=${one}`, "# ");
  }
  using console = consoleOf(session);
  await console.type('echo "<$word>"', `<${session}>`);
  await bed.start({ ...job, epoch: 3, state: "nowhere" }, "cell");
  expect(await bed.heard(session, "failed 3")).toMatchObject({ reason: "internal" });
});

test("a machine that starts at power-on comes from no template, is not saved, and starts so again", async () => {
  await bed.runner();
  const job = await bed.start({ start: "power_on" });
  const { session } = job;
  expect(await bed.heard(session, "ready 1")).toMatchObject({ how: "cold" });
  expect(bed.machine(session)).toMatchObject({ start: "power_on", template: null, consoleStart: "" });
  for (const errand of [
    { do: "hibernate", session, epoch: 1, runOn: true },
    { do: "save", session, epoch: 1, name: "here" },
  ] as const) {
    const refused = { code: "conflict", message: expect.stringContaining("start at power-on") };
    await expect(bed.ask(errand)).rejects.toMatchObject(refused);
  }
  await bed.start({ ...job, epoch: 2 }, "cell");
  expect(await bed.heard(session, "ready 2")).toMatchObject({ how: "cold" });
  expect(bed.machine(session)).toMatchObject({ epoch: 2, start: "power_on", consoleStart: "" });
});

test("a recorded machine leaves its log: whole where it was told to end, and kept where its runner was killed", async () => {
  const { child } = await bed.runner();
  const [one, two] = [await bed.start({ record: true }), await bed.start({ record: true })];
  for (const { session } of [one, two]) {
    await bed.heard(session, "ready 1");
    expect(bed.machine(session).recording).toBe(true);
  }
  const { session } = one;
  await expect(bed.ask({ do: "hibernate", session, epoch: 1, runOn: true })).rejects.toMatchObject({
    code: "conflict",
  });
  const first = await bed.ask({ do: "finish", session });
  expect(first.recordings).toMatchObject([{ epoch: 1, whole: true, template: bed.machine(two.session).template }]);
  expect(await bed.ask({ do: "finish", session })).toEqual(first);
  expect(readFileSync(join(bed.data, recordingPath(session, 1))).length).toBe(first.recordings[0]?.bytes);
  await end(child, "SIGKILL");
  await bed.runner();
  const { recordings } = await bed.ask({ do: "finish", session: two.session });
  expect(recordings.every(({ whole }) => !whole)).toBe(true);
});
