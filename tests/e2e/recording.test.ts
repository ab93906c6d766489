import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { imagePath } from "@ringside/image";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { LAB } from "../../apps/cli/src/bench/place.ts";
import { RECORDED_LAB, recordedLabs, type TemporaryLabs } from "../../apps/cli/src/bench/recording.ts";
import { ConsoleClient } from "../../apps/cli/src/near/console-client.ts";
import { attachArguments, startScriptedGdb } from "../../apps/cli/src/processes/gdb.ts";
import { ringside, ringsideJson, startRingside } from "../support/command.ts";
import { processesNaming } from "../support/processes.ts";
import {
  atTheReady,
  attachWithBreakpoint,
  handIn,
  startTestBox,
  stopInListen,
  type TestBox,
  testContext,
  until,
} from "../support/test-box.ts";

// A lab that records: what was handed in runs again, bit for bit, and backwards.
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
const verdictSchema = z.object({
  status: z.string(),
  replays: z.array(z.object({ stops: z.number(), consoleBytes: z.number(), writes: z.number(), difference: z.null() })),
});

describe("a recorded session", () => {
  let submission: string;

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
    submission = handed.submission.id;
    const { code, stderr } = await ringside(["login", "--url", box.temporary.box.url, "--token", who.token], student());
    expect(code, stderr).toBe(0);
  });

  it("runs again bit for bit, the debugger's write included", async () => {
    const verdict = verdictSchema.parse(await ringsideJson(["verify", "--replay", submission], student()));
    expect(verdict.status).toBe("intact");
    expect(verdict.replays).toHaveLength(1);
    expect(verdict.replays[0]?.stops).toBeGreaterThan(6);
    expect(verdict.replays[0]?.writes).toBe(1);
    expect(verdict.replays[0]?.consoleBytes).toBeGreaterThan(20);
  });

  it("opens in a real gdb, which steps backwards", async () => {
    const replay = startRingside(["--json", "replay", submission, "--no-gdb"], student());
    try {
      const address = await until("the replay to listen", () => /"address":"([^"]+)"/.exec(replay.output())?.[1]);

      const lines: string[] = [];
      // Where an interrupt is taken, a step forward comes to its beginning first: the last one stands still at the end.
      const show = "print/x $pc";
      const commands = [show, "reverse-stepi", show, "stepi", "stepi", show, "kill", "quit"];
      const args = attachArguments({ debug: imagePath(box.image, "debug"), sources: undefined }, address);
      await using gdb = await startScriptedGdb(args, commands, { PATH: process.env.PATH ?? "" }, (line) =>
        lines.push(line),
      );
      await gdb.exited;
      const counters = lines.flatMap((line) => /^\$\d = (0x[0-9a-f]+)$/.exec(line)?.[1] ?? []);
      expect(counters, lines.join("\n")).toHaveLength(3);
      expect(counters[1]).not.toBe(counters[0]);
      expect(counters[2]).toBe(counters[0]);
    } finally {
      replay.child.kill("SIGINT");
      await replay.finished;
    }
  });
});
