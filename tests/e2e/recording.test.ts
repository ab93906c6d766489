import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LAB } from "../../apps/cli/src/bench/place.ts";
import { RECORDED_LAB, recordedLabs, type TemporaryLabs } from "../../apps/cli/src/bench/recording.ts";
import { ConsoleClient } from "../../apps/cli/src/near/console-client.ts";
import { ringside } from "../support/command.ts";
import { processesNaming } from "../support/processes.ts";
import {
  atTheReady,
  attachWithBreakpoint,
  handIn,
  startTestBox,
  stopInListen,
  type TestBox,
  testContext,
} from "../support/test-box.ts";

// A lab that records: its log is handed in. That it runs again is not tested here: it does so only mostly.
let box: TestBox;
let labs: TemporaryLabs;
let home: string;
const CONSOLE_MS = 20_000;

beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), "rs-home-"));
  labs = await recordedLabs(testContext(new AbortController().signal));
  box = await startTestBox(2, { labs: { folder: labs.folder, offers: [LAB, RECORDED_LAB] } });
});

afterAll(async () => {
  const { root } = box.temporary.folder;
  await box[Symbol.asyncDispose]();
  expect(await processesNaming(root)).toEqual([]);
  await labs[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

const student = () => ({ XDG_CONFIG_HOME: path.join(home, "config") });
describe("a recorded session", () => {
  it("cannot sleep or be copied, and says why", async () => {
    const { who, session } = await atTheReady(box, 1, RECORDED_LAB);
    expect(session.record).toBe(true);
    await expect(who.api.hibernate(session.id)).rejects.toThrow(/record/i);
    await expect(who.api.forkSession(session.id, {})).rejects.toThrow(/record/i);
    await who.api.stopSession(session.id);
  });

  it("is handed in with its log, which is small", async () => {
    const { who, session } = await atTheReady(box, 0, RECORDED_LAB);
    using stub = await attachWithBreakpoint(box, who, session.id);
    expect(await stopInListen(box, who, session.id, stub)).toMatch(/^T05/);
    // A write by the debugger, which the replay has to make again: the backlog that listen is given.
    expect(await stub.ask(`P4=${"05".padEnd(16, "0")}`)).toBe("OK");
    for (let n = 0; n < 5; n++) expect(await stub.ask("s")).toMatch(/^T05/);
    await stub.ask("D");
    {
      await using console = await ConsoleClient.open(who.api, session.id, box.context.signal);
      await console.settle();
      console.send("hello\n");
      await console.expect("recv", CONSOLE_MS);
    }
    const handed = await handIn(who, session.id);
    expect(handed.trace.events.map((event) => event.type)).toContain("recording.kept");
    const [recording] = handed.submission.recordings;
    expect(recording).toMatchObject({ epoch: 1, whole: true });
    expect(recording?.bytes).toBeLessThan(100_000);
    const { code, stderr } = await ringside(["login", "--url", box.temporary.box.url, "--token", who.token], student());
    expect(code, stderr).toBe(0);
  });
});
