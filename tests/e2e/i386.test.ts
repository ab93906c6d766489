import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Image, imagePath } from "@ringside/image";
import { functionTableSchema, type Session } from "@ringside/shared";
import { deriveFacts, parseSymbols, type StoppedFact } from "@ringside/trace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { localDebugFiles } from "../../apps/cli/src/api/debug-file.ts";
import { symbolAddress } from "../../apps/cli/src/bench/place.ts";
import { StubClient } from "../../apps/cli/src/bench/stub-client.ts";
import { childEnvironment } from "../../apps/cli/src/environment.ts";
import { startConnector } from "../../apps/cli/src/near/connector.ts";
import { ConsoleClient } from "../../apps/cli/src/near/console-client.ts";
import { attachArguments, type DebugFiles, startScriptedGdb } from "../../apps/cli/src/processes/gdb.ts";
import { localImage } from "../../apps/cli/src/setup/image.ts";
import { ringside, ringsideJson } from "../support/command.ts";
import { repoRoot } from "../support/repo-root.ts";
import {
  atTheReady,
  handIn,
  sessionIn,
  startTestBox,
  type TestBox,
  type TestStudent,
  testContext,
  until,
} from "../support/test-box.ts";

// A 32-bit kernel under everything that a student's session has: template, clone, console, gdb near and far, facts.
const IMAGE = "linux-i386";
const LAB = "listen-32";
const RECORDED_LAB = "listen-32-recorded";
const CONSOLE_MS = 20_000;
/** Numbers of socketcall's calls, include/uapi/linux/net.h. */
const CALLS = { socket: 1, bind: 2, listen: 4, setsockopt: 14 };

let box: TestBox;
let image: Image;
let files: DebugFiles;
let labs: string;

beforeAll(async () => {
  const context = testContext(new AbortController().signal);
  const found = await localImage(context, IMAGE);
  if (!found) throw new Error(`the image ${IMAGE} is not built: run ./ringside image build --name ${IMAGE}`);
  image = found;
  files = await localDebugFiles(context, image);
  labs = await mkdtemp(path.join(tmpdir(), "rs-labs-"));
  await makeLab(LAB, "");
  await makeLab(RECORDED_LAB, "record: true\n");
  box = await startTestBox(4, { labs: { folder: labs, offers: [LAB, RECORDED_LAB] }, images: [IMAGE] });
});
afterAll(async () => {
  await box[Symbol.asyncDispose]();
  await rm(labs, { recursive: true, force: true });
});

/** The listen lab on the 32-bit image. */
async function makeLab(name: string, more: string): Promise<void> {
  await cp(path.join(repoRoot, "course/labs/net-listen"), path.join(labs, name), { recursive: true });
  const file = path.join(labs, name, "lab.yaml");
  const text = (await readFile(file, "utf8")).replace(/^image: .*$/m, `image: ${IMAGE}`);
  await writeFile(file, `${text}${more}`);
}

/** A gdb whose commands are typed in and whose lines are waited for; each wait begins where the last one ended. */
async function debuggerAt(address: string) {
  const lines: string[] = [];
  let seen = 0;
  const env = childEnvironment(box.context.environment);
  const child = await startScriptedGdb(attachArguments(files, address), [], env, (line) => lines.push(line));
  return {
    lines,
    type: (...commands: readonly string[]) => child.stdin?.write(commands.map((command) => `${command}\n`).join("")),
    line: (pattern: RegExp) =>
      until(`${pattern} in\n${lines.slice(-30).join("\n")}`, () => {
        const at = lines.findIndex((line, index) => index >= seen && pattern.test(line));
        if (at < 0) return undefined;
        seen = at + 1;
        return lines[at];
      }),
    exited: child.exited,
    [Symbol.asyncDispose]: async () => {
      await child.stop("SIGKILL", 1_000);
    },
  };
}
type Debugger = Awaited<ReturnType<typeof debuggerAt>>;

async function typeAtConsole(who: TestStudent, session: Session, text: string): Promise<void> {
  await using console = await ConsoleClient.open(who.api, session.id, box.context.signal);
  console.send(`${text}\n`);
}

/** Continues once, and gives which of socketcall's calls it stopped at. */
async function nextCall(gdb: Debugger): Promise<number> {
  gdb.type("continue");
  await gdb.line(/^(?:Thread 1 hit )?Breakpoint \d+, __ia32_sys_socketcall /);
  gdb.type('printf "call %d of %d\\n", regs->bx, regs->orig_ax');
  const [, call, number] = /call (\d+) of (\d+)/.exec(await gdb.line(/^call \d+ of/)) ?? [];
  expect(number).toBe("102");
  return Number(call);
}

describe("the image", () => {
  it("is a 32-bit kernel whose table says which register holds an argument", async () => {
    expect(image.manifest).toMatchObject({ arch: "i386", prompt: "MenuOS>>" });
    expect(Object.keys(image.manifest.programs)).toEqual(["menuos"]);
    const rows = functionTableSchema.parse(JSON.parse(await readFile(imagePath(image, "functions"), "utf8")));
    const row = (name: string) => rows.find((one) => one.name === name);
    expect(row("__sys_listen")?.params).toMatchObject([
      { name: "fd", bytes: 4, register: "eax" },
      { name: "backlog", bytes: 4, register: "edx" },
    ]);
    expect(row("__ia32_sys_socketcall")?.params).toMatchObject([{ name: "regs", bytes: 4, register: "eax" }]);
  });

  it("has sys_S at the entry of the system call's own number", () => {
    const target = (alias: string) => image.manifest.aliases.find((one) => one.alias === alias)?.target;
    expect(target("sys_socketcall")).toBe("__ia32_sys_socketcall");
    expect(target("sys_listen")).toBe("__ia32_sys_listen");
  });
});

describe("a student of a 32-bit lab", () => {
  it("sees socketcall stop and the calls' own entries stay silent, and its recording says so", async () => {
    const { who, session } = await atTheReady(box, 0, LAB);
    const { signal } = box.context;
    await using connector = await startConnector({
      ...{ api: who.api, session: session.id, host: "127.0.0.1", port: 0, signal },
      ...{ debug: files.debug, role: undefined, raw: false, verification: null },
      say: () => undefined,
      onEvent: () => undefined,
    });
    await using gdb = await debuggerAt(`127.0.0.1:${connector.port}`);
    gdb.type("break sys_bind", "break sys_listen", "break sys_socketcall", "continue");
    await gdb.line(/^Continuing/);
    await typeAtConsole(who, session, "replyhi");
    await gdb.line(/^(?:Thread 1 hit )?Breakpoint \d+, __ia32_sys_socketcall /);
    gdb.type('printf "call %d\\n", regs->bx');
    expect(await gdb.line(/^call/)).toBe(`call ${CALLS.socket}`);
    expect([await nextCall(gdb), await nextCall(gdb)]).toEqual([CALLS.setsockopt, CALLS.bind]);
    expect(await nextCall(gdb)).toBe(CALLS.listen);

    gdb.type("break __sys_listen", "continue");
    await gdb.line(new RegExp(`__sys_listen \\(fd=3, backlog=${session.parameters.backlog}\\)`));
    gdb.type("backtrace", "info registers eip");
    await gdb.line(/__ia32_sys_socketcall/);
    await gdb.line(/entry_SYSENTER_32 \(\)/);
    await gdb.line(/^eip +0xc[0-9a-f]{7}/);

    gdb.type("delete", "break entry_INT80_32", "continue");
    await gdb.line(/^Continuing/);
    await typeAtConsole(who, session, "time-asm");
    await gdb.line(/entry_INT80_32/);
    gdb.type('printf "number %d\\n", $eax', "delete", "detach", "quit");
    expect(await gdb.line(/^number/)).toBe("number 13");
    expect((await gdb.exited).code).toBe(0);
    expect(gdb.lines.join("\n")).not.toMatch(/__ia32_sys_(?:bind|listen) \(|reply is too long|Remote failure/);

    const { submission, trace } = await handIn(who, session.id);
    expect(submission.grade).toMatchObject({ outcome: "graded" });
    const symbols = parseSymbols(await readFile(imagePath(image, "symbols"), "utf8"));
    const functions = functionTableSchema.parse(JSON.parse(await readFile(imagePath(image, "functions"), "utf8")));
    const stops = deriveFacts({ events: trace.events, symbols, functions }).filter(
      (fact): fact is StoppedFact => fact.kind === "stopped",
    );
    const at = (name: string) => stops.filter(({ cause, names }) => cause === "breakpoint" && names.includes(name));
    expect(at("sys_socketcall")).toHaveLength(Object.keys(CALLS).length);
    const [listen] = at("__sys_listen");
    expect(listen?.arguments).toMatchObject([
      { name: "fd", value: 3n },
      { name: "backlog", value: BigInt(session.parameters.backlog ?? -1) },
    ]);
    const callers = listen?.frames.flatMap(({ names }) => names) ?? [];
    expect(callers).toEqual(expect.arrayContaining(["__ia32_sys_socketcall", "entry_SYSENTER_32"]));
  });

  it("debugs over plain TCP, too, and finds a hibernated machine as it was", async () => {
    const { who, session } = await atTheReady(box, 1, LAB);
    const entry = await who.api.tcpEntry(session.id);
    {
      await using gdb = await debuggerAt(`${entry.host}:${entry.port}`);
      gdb.type("break __sys_listen", "continue");
      await gdb.line(/^Continuing/);
      await typeAtConsole(who, session, "replyhi");
      await gdb.line(/__sys_listen \(fd=3,/);
      gdb.type("stepi", "finish");
      await gdb.line(/^Value returned is .* = 0$/);
      gdb.type("delete", "detach", "quit");
      expect((await gdb.exited).code).toBe(0);
    }
    await who.api.hibernate(session.id);
    await sessionIn(who, session.id, "hibernated");
    await using console = await ConsoleClient.open(who.api, session.id, box.context.signal);
    console.send("hello\n");
    await console.expect(`recv "${session.parameters.payload}" from 127.0.0.1:5001`, CONSOLE_MS);
    console.send("version\n");
    await console.expect("32-bit program on i686", CONSOLE_MS);
  });

  it("has a 32-bit shell and the same menu under menu32", async () => {
    const { who, session } = await atTheReady(box, 2, LAB);
    await using console = await ConsoleClient.open(who.api, session.id, box.context.signal);
    await console.settle();
    console.send("shell\n");
    await console.expect("# ", CONSOLE_MS);
    console.send("uname -m; exit\n");
    await console.expect("i686", CONSOLE_MS);
    await console.settle();
    console.send("menu32\n");
    await console.expect("MenuOS>>", CONSOLE_MS);
    console.send("time-asm\n");
    await console.expect("time:20", CONSOLE_MS);
  });

  it("leaves a recording that runs again bit for bit, the debugger's write included", async () => {
    const { who, session } = await atTheReady(box, 3, RECORDED_LAB);
    const entry = await who.api.tcpEntry(session.id);
    {
      using stub = await StubClient.connect({ host: entry.host, port: entry.port });
      expect(await stub.ask(`Z0,${await symbolAddress(image, "__sys_listen")},1`)).toBe("OK");
      const stopped = stub.ask("c");
      await typeAtConsole(who, session, "replyhi");
      expect(await stopped).toMatch(/^T05/);
      // Register 2 is edx, which holds the backlog.
      expect(await stub.ask("P2=05000000")).toBe("OK");
      for (let n = 0; n < 5; n++) expect(await stub.ask("s")).toMatch(/^T05/);
      await stub.ask("D");
    }
    const { submission } = await handIn(who, session.id);
    const student = { XDG_CONFIG_HOME: path.join(labs, "config") };
    const { code, stderr } = await ringside(["login", "--url", box.temporary.box.url, "--token", who.token], student);
    expect(code, stderr).toBe(0);
    expect(await ringsideJson(["verify", "--replay", submission.id], student)).toMatchObject({
      status: "intact",
      replays: [{ writes: 1, difference: null }],
    });
  });
});
