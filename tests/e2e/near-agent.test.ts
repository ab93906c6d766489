import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Session } from "@ringside/shared";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { localDebugFiles } from "../../apps/cli/src/api/debug-file.ts";
import { LAB } from "../../apps/cli/src/bench/place.ts";
import { launchConfiguration } from "../../apps/cli/src/editors/vscode.ts";
import { childEnvironment } from "../../apps/cli/src/environment.ts";
import { ConsoleClient } from "../../apps/cli/src/near/console-client.ts";
import { type Child, startChild } from "../../apps/cli/src/processes/child.ts";
import { attachArguments, type DebugFiles, startScriptedGdb } from "../../apps/cli/src/processes/gdb.ts";
import { repoRoot } from "../support/repo-root.ts";
import { atTheReady, killPart, startTestBox, type TestBox, type TestStudent, until } from "../support/test-box.ts";

// A real gdb through the near agent of `ringside connect` and `ringside pipe`, on a real machine.
let box: TestBox;
let files: DebugFiles;
const KILL_MS = 20_000;

beforeAll(async () => {
  box = await startTestBox(8);
  files = await localDebugFiles(box.context, box.image);
});
afterAll(() => box[Symbol.asyncDispose]());

interface Program extends AsyncDisposable {
  readonly child: Child;
  readonly lines: string[];
  /** Waits for a line, and gives it. */
  readonly line: (pattern: RegExp) => Promise<string>;
}

function withLines(child: Child, lines: string[]): Program {
  return {
    ...{ child, lines },
    line: (pattern) =>
      until(`${pattern} in\n${lines.slice(-30).join("\n")}`, () => lines.find((line) => pattern.test(line))),
    [Symbol.asyncDispose]: async () => {
      await child.stop("SIGTERM", 5_000);
    },
  };
}

const MAIN = path.join(repoRoot, "apps/cli/src/main.ts");

function environmentOf(who: TestStudent): Record<string, string> {
  const { url } = box.temporary.box;
  return { ...childEnvironment(box.context.environment), RINGSIDE_URL: url, RINGSIDE_TOKEN: who.token };
}

/** `ringside ARGUMENTS` as this student. */
async function ringside(who: TestStudent, ...args: readonly string[]): Promise<Program> {
  const lines: string[] = [];
  const child = await startChild({
    command: process.execPath,
    args: ["--disable-warning=ExperimentalWarning", MAIN, ...args],
    env: environmentOf(who),
    deathSignal: "TERM",
    onLine: (line) => lines.push(line),
  });
  return withLines(child, lines);
}

/** `ringside connect`, and where it listens. */
async function connect(who: TestStudent, session: Session, ...args: readonly string[]) {
  const near = await ringside(who, "connect", session.id, "--port", "0", ...args);
  const address = /127\.0\.0\.1:\d+/.exec(await near.line(/target remote 127/))?.[0] ?? "";
  return Object.assign(near, { address });
}

async function gdb(args: readonly string[], env = childEnvironment(box.context.environment)): Promise<Program> {
  const lines: string[] = [];
  const child = await startScriptedGdb(args, [], env, (line) => lines.push(line));
  return withLines(child, lines);
}

async function type(who: TestStudent, session: Session, text: string): Promise<void> {
  await using console = await ConsoleClient.open(who.api, session.id, box.context.signal);
  console.send(`${text}\n`);
}

const send = (program: Program, ...commands: readonly string[]) =>
  program.child.stdin?.write(commands.map((command) => `${command}\n`).join(""));

/** A gdb that stands in __sys_listen. */
async function inListen(who: TestStudent, session: Session, args: readonly string[]): Promise<Program> {
  const debug = await gdb(args);
  send(debug, "break __sys_listen", "continue");
  await debug.line(/^Continuing/);
  await type(who, session, "replyhi");
  await debug.line(/__sys_listen \(fd=3, backlog=\d+\)/);
  return debug;
}

const LESSON = [
  ...["bt", "info registers", "x/32gx $sp", "x/8i $pc", "info args", "info threads", "p *current_task.mm"],
  ...["next", "next", "next", "stepi", "stepi", "info registers rip", "step", "finish"],
  ...["p $sp", "x/4gx 0", "echo DONE\\n"],
];

describe("the near agent", () => {
  it("carries a lesson in a real gdb, and no read differs from the machine's", async () => {
    const { who, session } = await atTheReady(box, 0, LAB);
    await using near = await connect(who, session, "--verify-reads");
    {
      await using debug = await inListen(who, session, attachArguments(files, near.address));
      send(debug, ...LESSON);
      await debug.line(/DONE/);
      send(debug, "detach", "quit");
      expect((await debug.child.exited).code).toBe(0);
      const text = debug.lines.join("\n");
      expect(text).toContain("entry_SYSCALL_64");
      expect(text).toContain("Run till exit");
      expect(text).not.toMatch(/Remote failure|warning: /);
    }
    await near.line(/gdb 1 closed/);
    await near.child.stop("SIGTERM", 5_000);
    const verified = near.lines.find((line) => line.startsWith("Reads asked twice"));
    expect(verified).toMatch(/^Reads asked twice: 0 mismatches of [1-9]\d+$/);
  });

  it("gives a gdb that was started without a file the kernel's symbols", async () => {
    const { who, session } = await atTheReady(box, 1, LAB);
    await using near = await connect(who, session);
    await using debug = await gdb([
      "-batch",
      "-ex",
      `target remote ${near.address}`,
      "-ex",
      "info symbol __sys_listen",
    ]);
    await debug.line(/^__sys_listen in section \.text/);
  });

  it("is attached to by the command of the .gdbinit that `ringside init` writes", async () => {
    const { who, session } = await atTheReady(box, 6, LAB);
    await using near = await connect(who, session);
    await using folder = await mkdtempDisposable(path.join(tmpdir(), "rs-init-"));
    const port = near.address.split(":")[1] ?? "";
    const init = await ringside(who, "init", session.id, "--folder", folder.path, "--port", port);
    expect((await init.child.exited).code, init.lines.join("\n")).toBe(0);
    expect(init.lines.join("\n")).toContain(`add-auto-load-safe-path ${folder.path}/.gdbinit`);
    await using debug = await gdb([
      "-batch",
      "-x",
      path.join(folder.path, ".gdbinit"),
      "-ex",
      "ringside",
      "-ex",
      "list",
    ]);
    expect((await debug.child.exited).code).toBe(0);
    expect(debug.lines.join("\n")).toMatch(/ at (?:arch|kernel|net|mm|drivers|lib)\/\S+:\d+\n\d+\t/);
    expect(debug.lines.join("\n")).not.toContain("No such file");
  });

  it("is a pipe for gdb, whose Ctrl-C stops the machine and not the pipe", async () => {
    const { who, session } = await atTheReady(box, 2, LAB);
    const pipe = `${process.execPath} --disable-warning=ExperimentalWarning ${MAIN} pipe ${session.id}`;
    const env = environmentOf(who);
    await using debug = await gdb([files.debug, "-ex", "set remotetimeout 30", "-ex", `target remote | ${pipe}`], env);
    send(debug, "continue");
    await debug.line(/^Continuing/);
    // As a terminal's Ctrl-C: to gdb's whole process group, which the pipe is in.
    process.kill(-debug.child.pid, "SIGINT");
    await debug.line(/SIGINT/);
    send(debug, "x/2gx $sp", "stepi", "detach", "quit");
    expect((await debug.child.exited).code).toBe(0);
    expect(debug.lines.join("\n")).toMatch(/Inferior 1 .*detached/);
  });

  it("keeps gdb attached while the proxy is killed and comes back, standing and running", async () => {
    const { who, session } = await atTheReady(box, 3, LAB);
    await using near = await connect(who, session);
    await using debug = await inListen(who, session, attachArguments(files, near.address));
    await killPart(box, "gdb-proxy");
    await near.line(/Connected again/);
    send(debug, "stepi", "x/4gx $sp", "break __sys_connect", "echo STOOD\\n");
    await debug.line(/STOOD/);
    send(debug, "continue");
    await until("gdb to run on", () =>
      debug.lines.filter((line) => /^Continuing/.test(line)).length > 1 ? true : undefined,
    );
    await killPart(box, "gdb-proxy");
    await until("the second link", () =>
      near.lines.filter((line) => /Connected again/.test(line)).length > 1 ? true : undefined,
    );
    await type(who, session, "hello");
    await debug.line(/__sys_connect \(/);
    send(debug, "bt", "detach", "quit");
    expect((await debug.child.exited).code).toBe(0);
    expect(debug.lines.join("\n")).not.toMatch(/Remote failure|Remote connection closed/);
  });

  it("lets somebody look on beside the one who drives", async () => {
    const { who, session } = await atTheReady(box, 4, LAB);
    await using near = await connect(who, session);
    await using observing = await connect(who, session, "--observe");
    await using driver = await inListen(who, session, attachArguments(files, near.address));
    await using second = await gdb(attachArguments(files, near.address));
    await second.line(/debugger_busy/);
    await using observer = await gdb(attachArguments(files, observing.address));
    send(observer, "bt 1", "stepi", "set var $rax = 1", "echo LOOKED\\n");
    await observer.line(/#0 +__sys_listen/);
    await observer.line(/LOOKED/);
    expect(observer.lines.join("\n")).toMatch(/you observe/);
    send(driver, "p $rip", "detach", "quit");
    expect((await driver.child.exited).code).toBe(0);
  });

  it("gives the session a fresh machine for gdb's kill, and says so at the console", async () => {
    const { who, session } = await atTheReady(box, 7, LAB);
    await using near = await connect(who, session);
    await using console = await ConsoleClient.open(who.api, session.id, box.context.signal);
    await using debug = await gdb([...attachArguments(files, near.address)]);
    send(debug, "kill", "quit");
    await console.expect("fresh machine", KILL_MS);
    const fresh = await until("the fresh machine", async () => {
      const now = await who.api.session(session.id);
      return now.epoch === session.epoch + 1 && now.state === "ready" ? now : undefined;
    });
    await using again = await inListen(who, fresh, attachArguments(files, near.address));
    send(again, "detach", "quit");
    expect((await again.child.exited).code).toBe(0);
  });

  it("works with what the C/C++ extension of VS Code says to gdb", async () => {
    const { who, session } = await atTheReady(box, 5, LAB);
    await using near = await connect(who, session);
    const { setupCommands, program, miDebuggerServerAddress } = launchConfiguration(files, near.address) as {
      readonly setupCommands: readonly { readonly text: string }[];
      readonly program: string;
      readonly miDebuggerServerAddress: string;
    };
    const lines: string[] = [];
    const child = await startChild({
      command: "gdb",
      args: ["-nx", "--interpreter=mi"],
      env: childEnvironment(box.context.environment),
      deathSignal: "KILL",
      input: true,
      onLine: (line) => lines.push(line),
    });
    await using mi = withLines(child, lines);
    let token = 1_000;
    const ask = async (command: string): Promise<string> => {
      token += 1;
      send(mi, `${token}${command}`);
      return await mi.line(new RegExp(`^${token}\\^`));
    };
    const done = async (command: string) => expect(await ask(command), command).toMatch(/\^(?:done|running|connected)/);
    await done("-gdb-set mi-async on");
    for (const { text } of setupCommands)
      await done(text.startsWith("-") ? text : `-interpreter-exec console "${text}"`);
    await done(`-environment-cd ${box.temporary.folder.root}`);
    await done(`-file-exec-and-symbols ${program}`);
    await done(`-target-select remote ${miDebuggerServerAddress}`);
    await done("-break-insert -f __sys_listen");
    await done("-exec-continue");
    await type(who, session, "replyhi");
    await mi.line(/^\*stopped,reason="breakpoint-hit".*func="__sys_listen"/);
    expect(await ask("-thread-info")).toContain('state="stopped"');
    expect(await ask("-stack-list-frames 0 20")).toContain('func="entry_SYSCALL_64');
    expect(await ask("-stack-list-frames 0 0")).toMatch(/fullname="[^"]*net\/socket\.c"/);
    expect(await ask("-stack-list-variables --thread 1 --frame 0 --simple-values")).toContain('name="backlog"');
    expect(await ask("-data-evaluate-expression backlog")).toContain(`value="${session.parameters.backlog}"`);
    expect(await ask("-var-create - * backlog")).toContain("value=");
    expect(await ask("-data-list-register-values x 0 16")).toContain("register-values");
    expect(await ask("-data-read-memory-bytes $sp 64")).toContain("contents=");
    await done("-exec-next");
    await mi.line(/^\*stopped,reason="end-stepping-range"/);
    await done("-exec-continue");
    await mi.line(/^\*running/);
    await done("-exec-interrupt");
    await mi.line(/^\*stopped,reason="signal-received".*SIGINT/);
    await done("-target-detach");
    send(mi, "-gdb-exit");
    expect((await child.exited).code).toBe(0);
  });
});
