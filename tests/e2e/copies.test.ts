import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConsoleClient } from "../../apps/cli/src/near/console-client.ts";
import { processesNaming } from "../support/processes.ts";
import {
  atTheReady,
  attachWithBreakpoint,
  handIn,
  sessionIn,
  startTestBox,
  stopInListen,
  type TestBox,
} from "../support/test-box.ts";

// A machine held still, brought back to a checkpoint, and copied while its student goes on.
let box: TestBox;
const CONSOLE_MS = 20_000;

beforeAll(async () => {
  box = await startTestBox(5);
});

afterAll(async () => {
  const { root } = box.temporary.folder;
  await box[Symbol.asyncDispose]();
  expect(await processesNaming(root)).toEqual([]);
});

async function shell(api: Parameters<typeof ConsoleClient.open>[0], session: string): Promise<ConsoleClient> {
  const console = await ConsoleClient.open(api, session, box.context.signal);
  await console.settle();
  return console;
}

describe("a pause", () => {
  it("holds the guest still until it is ended", async () => {
    const { who, session } = await atTheReady(box, 0);
    await using console = await shell(who.api, session.id);
    expect((await who.api.pause(session.id)).paused).toBe(true);
    console.send("version\n");
    await expect(console.expect("MenuOS 1.0", 1_000)).rejects.toThrow("did not show");
    expect((await who.api.resume(session.id)).paused).toBe(false);
    await console.expect("MenuOS 1.0", CONSOLE_MS);
  });
});

describe("a reset", () => {
  it("gives a fresh machine in the same cell, and the recording goes on", async () => {
    const { who, session } = await atTheReady(box, 1);
    using before = await attachWithBreakpoint(box, who, session.id);
    await who.api.resetSession(session.id);
    const fresh = await sessionIn(who, session.id, "ready");
    expect(fresh.epoch).toBe(2);
    await expect(before.ask("g")).rejects.toThrow();
    using stub = await attachWithBreakpoint(box, who, session.id);
    expect(await stopInListen(box, who, session.id, stub)).toMatch(/^T05/);
    await stub.ask("D");
    const { submission, trace } = await handIn(who, session.id);
    expect(trace.events.filter((event) => event.type === "machine.found").map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect(submission.grade?.points).toBe(submission.grade?.pointsMax);
  });
});

describe("a checkpoint", () => {
  it("brings the machine back to where it was saved", async () => {
    const { who, session } = await atTheReady(box, 2);
    {
      await using console = await shell(who.api, session.id);
      console.send("shell\n");
      await console.expect("# ", CONSOLE_MS);
      console.send("word=before\n");
      await console.expect("# ", CONSOLE_MS);
      expect((await who.api.saveCheckpoint(session.id, "here")).name).toBe("here");
      console.send("word=after\n");
      await console.expect("# ", CONSOLE_MS);
    }
    expect((await who.api.checkpoints(session.id)).map(({ name }) => name)).toEqual(["here"]);
    await who.api.restoreCheckpoint(session.id, "here");
    expect((await sessionIn(who, session.id, "ready")).epoch).toBe(2);
    await using console = await shell(who.api, session.id);
    console.send('echo "<$word>"\n');
    await console.expect("<before>", CONSOLE_MS);
    await expect(who.api.restoreCheckpoint(session.id, "nowhere")).rejects.toThrow();
  });
});

describe("a fork of a machine that stands at a breakpoint", () => {
  it("stands there too, while the first goes on undisturbed", async () => {
    const { who, session } = await atTheReady(box, 3);
    using stub = await attachWithBreakpoint(box, who, session.id);
    expect(await stopInListen(box, who, session.id, stub)).toMatch(/^T05/);
    const registers = await stub.ask("g");

    const { id } = await who.api.forkSession(session.id, {});
    const fork = await sessionIn(who, id, "ready");
    expect(fork.forkedFrom).toBe(session.id);
    expect(fork.parameters).toEqual(session.parameters);
    using copy = await attachWithBreakpoint(box, who, id);
    expect(await copy.ask("g")).toBe(registers);
    expect(await stub.ask("g")).toBe(registers);

    // The copy goes its own way; the first one does not notice.
    expect(await copy.ask(`P0=${"11".repeat(8)}`)).toBe("OK");
    expect(await stub.ask("g")).toBe(registers);
    await expect(who.api.submit(id)).rejects.toThrow();
    await stub.ask("D");
    const { submission } = await handIn(who, session.id);
    expect(submission.grade?.points).toBe(submission.grade?.pointsMax);
  });
});
