import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { imagePath } from "@ringside/image";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { childEnvironment } from "../../apps/cli/src/environment.ts";
import { ConsoleClient } from "../../apps/cli/src/near/console-client.ts";
import { attachArguments, startScriptedGdb } from "../../apps/cli/src/processes/gdb.ts";
import { isAlive, processesNaming } from "../support/processes.ts";
import {
  atTheReady,
  attachWithBreakpoint,
  handIn,
  killPart,
  sessionIn,
  startTestBox,
  stopInListen,
  type TestBox,
  until,
} from "../support/test-box.ts";

// Sessions that sleep: saved as what differs from the template, woken by whoever connects.
let box: TestBox;
const CONSOLE_MS = 20_000;

beforeAll(async () => {
  box = await startTestBox(6);
});

afterAll(async () => {
  const { root } = box.temporary.folder;
  await box[Symbol.asyncDispose]();
  expect(await processesNaming(root)).toEqual([]);
});

type Ready = Awaited<ReturnType<typeof atTheReady>>;

/** Gives the guest's shell a word that only its memory holds. */
async function leaveWord({ who, session }: Ready, word: string): Promise<void> {
  await using console = await ConsoleClient.open(who.api, session.id, box.context.signal);
  await console.settle();
  console.send("shell\n");
  await console.expect("# ", CONSOLE_MS);
  console.send(`word=${word}\n`);
  await console.expect("# ", CONSOLE_MS);
}

async function needWord({ who, session }: Ready, word: string): Promise<void> {
  await using console = await ConsoleClient.open(who.api, session.id, box.context.signal);
  await console.settle();
  console.send('echo "<$word>"\n');
  await console.expect(`<${word}>`, CONSOLE_MS);
}

/** The file in which a session's saved machine stands. */
async function stateFile(session: string): Promise<string> {
  const folder = path.join(box.temporary.folder.services, "states", session);
  const [name] = (await readdir(folder)).filter((entry) => entry === "hibernated.state");
  if (name === undefined) throw new Error(`no saved state in ${folder}`);
  return path.join(folder, name);
}

describe("a session that was hibernated by request", () => {
  it("has no emulator, and is woken by a console with its memory as it was", async () => {
    const ready = await atTheReady(box, 0);
    await leaveWord(ready, "kingfisher");
    const asleep = await ready.who.api.hibernate(ready.session.id);
    expect(asleep.state).toBe("hibernated");
    expect(asleep.hibernatedBytes).toBeGreaterThan(10_000);
    expect(asleep.hibernatedBytes).toBeLessThan(1_000_000);
    await until("the emulator to end", async () => ((await isAlive(ready.pid)) ? undefined : true));
    await needWord(ready, "kingfisher");
    expect((await sessionIn(ready.who, ready.session.id, "ready")).hibernatedBytes).toBeNull();
  });

  it("survives the death of every part of the box", async () => {
    const ready = await atTheReady(box, 1);
    await leaveWord(ready, "heron");
    await ready.who.api.hibernate(ready.session.id);
    for (const part of ["gdb-proxy", "vm-runner", "redis", "api"]) await killPart(box, part);
    expect((await sessionIn(ready.who, ready.session.id, "hibernated")).reason).toBeNull();
    await until("the session to be woken", () =>
      needWord(ready, "heron").then(
        () => true,
        () => undefined,
      ),
    );
  });

  it("can be handed in without being woken", async () => {
    const ready = await atTheReady(box, 2);
    using stub = await attachWithBreakpoint(box, ready.who, ready.session.id);
    expect(await stopInListen(box, ready.who, ready.session.id, stub)).toMatch(/^T05/);
    await stub.ask("D");
    await ready.who.api.hibernate(ready.session.id);
    const { submission, trace } = await handIn(ready.who, ready.session.id);
    expect(trace.status).toBe("intact");
    expect(trace.events.map((event) => event.type)).toContain("machine.hibernated");
    expect(submission.grade?.outcome).toBe("graded");
    await until("the saved machine to be removed", () =>
      stateFile(ready.session.id).then(
        () => undefined,
        () => true,
      ),
    );
  });
});

describe("a debugger whose machine sleeps under it", () => {
  it("finds its breakpoint set and is none the wiser", async () => {
    const { who, session } = await atTheReady(box, 3);
    const entry = await who.api.tcpEntry(session.id);
    const lines: string[] = [];
    await using console = await ConsoleClient.open(who.api, session.id, box.context.signal);
    const files = { debug: imagePath(box.image, "debug"), sources: undefined };
    const environment = childEnvironment(box.context.environment);
    const address = `${entry.host}:${entry.port}`;
    await using gdb = await startScriptedGdb(
      attachArguments(files, address),
      ["break sys_listen", "print/x $pc"],
      environment,
      (line) => {
        lines.push(line);
        if (line.startsWith("Continuing.")) console.send("replyhi\n");
      },
    );
    await until("gdb to show its program counter", () => lines.find((line) => line.startsWith("$1 = ")));
    await who.api.hibernate(session.id);
    expect((await who.api.session(session.id)).state).toBe("hibernated");
    gdb.stdin?.write("print/x $pc\ncontinue\nprint backlog\ndetach\nquit\n");
    await gdb.exited;
    const text = lines.join("\n");
    expect(text).toMatch(/Breakpoint 1, .*__sys_listen/);
    expect(text).toContain(`= ${session.parameters.backlog}`);
    const [first, second] = lines.filter((line) => /^\$[12] = /.test(line)).map((line) => line.slice(5));
    expect(second).toBe(first);
    const { submission } = await handIn(who, session.id);
    expect(submission.grade?.points).toBe(submission.grade?.pointsMax);
  });

  it("that waits for a stop gets it when somebody types at the console", async () => {
    const ready = await atTheReady(box, 4);
    using stub = await attachWithBreakpoint(box, ready.who, ready.session.id);
    await using console = await ConsoleClient.open(ready.who.api, ready.session.id, box.context.signal);
    const stopped = stub.ask("c");
    await ready.who.api.hibernate(ready.session.id);
    console.send("replyhi\n");
    expect(await stopped).toMatch(/^T05/);
  });
});

describe("a saved machine that was damaged", () => {
  it("is refused with words, and a reset gives a fresh one", async () => {
    const ready = await atTheReady(box, 5);
    await ready.who.api.hibernate(ready.session.id);
    const file = await stateFile(ready.session.id);
    const bytes = await readFile(file);
    const at = bytes.length - 100;
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    await writeFile(file, bytes);
    await expect(ready.who.api.wake(ready.session.id)).rejects.toThrow(/reset/);
    {
      await using refused = await ConsoleClient.open(ready.who.api, ready.session.id, box.context.signal);
      await expect(refused.expect("MenuOS", CONSOLE_MS)).rejects.toThrow(/reset/);
    }
    await ready.who.api.resetSession(ready.session.id);
    const fresh = await sessionIn(ready.who, ready.session.id, "ready");
    expect(fresh.epoch).toBe(2);
    await leaveWord(ready, "new");
  });
});
