import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { parseLabFile } from "@ringside/grading";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startConnector } from "../../apps/cli/src/near/connector.ts";
import { ImageFiles } from "../../apps/cli/src/near/files/image-files.ts";
import { repoRoot } from "../support/repo-root.ts";
import { atTheReady, startTestBox, type TestBox } from "../support/test-box.ts";

// gdb with nothing set up gets symbols and sources, the kernel's and those of the lab's programs: over plain TCP,
// through the near agent, from the api's debuginfod.
const run = promisify(execFile);
const GDB_MS = 60_000;

let box: TestBox;
let home: string;

beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), "rs-home-"));
  box = await startTestBox(3);
});
afterAll(async () => {
  await box[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

/** What gdb prints, started without any file; what `monitor` says stands at the end. */
async function gdb(address: string, commands: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const before = [
    "-iex",
    "set remotetimeout 30",
    "-iex",
    `set debuginfod enabled ${env.DEBUGINFOD_URLS ? "on" : "off"}`,
  ];
  const args = [`target remote ${address}`, ...commands, "detach"].flatMap((command) => ["-ex", command]);
  const clean = { PATH: process.env.PATH ?? "", HOME: home, ...env };
  const { stdout, stderr } = await run("gdb", ["-nx", "-batch", ...before, ...args], { env: clean, timeout: GDB_MS });
  return `${stdout}${stderr}`;
}

/** gdb has the command typed at the machine's console, and stops in the program that carries it out. */
const IN_REPLYHI = ["break replyhi", "monitor type replyhi", "continue", "backtrace 2", "list replyhi"];

function expectReplyhi(printed: string): void {
  expect(printed).toMatch(/Breakpoint 1, replyhi \(parameters=[^)]+\) at .*commands\.c:\d+/);
  expect(printed).toMatch(/#1 +0x[0-9a-f]+ in \w+ \(.*\.c:\d+/);
  expect(printed).toContain("replyhi(const struct parameters *parameters)");
}

describe("over plain TCP", () => {
  it("a gdb without a file knows the kernel's functions, and with a debuginfod its lines and sources, too", async () => {
    const { who, session } = await atTheReady(box, 0);
    const first = await who.api.tcpEntry(session.id);
    const plain = await gdb(`${first.host}:${first.port}`, ["info address __sys_listen", "info symbol sys_listen"]);
    expect(plain).toMatch(/Symbol "__sys_listen" is at 0xffffffff8[0-9a-f]+ in a file compiled without debugging/);

    const again = await who.api.tcpEntry(session.id);
    const urls = { DEBUGINFOD_URLS: box.temporary.box.url };
    const rich = await gdb(`${again.host}:${again.port}`, ["whatis __sys_listen", "list __sys_listen"], urls);
    expect(rich).toContain("type = int (int, int)");
    expect(rich).toContain("sock = sockfd_lookup_light(fd, &err, &fput_needed);");
    const { port, host } = await who.api.tcpEntry(session.id);
    const program = `target:/${box.image.manifest.name}/programs/menuos`;
    expectReplyhi(await gdb(`${host}:${port}`, [`add-symbol-file ${program}`, ...IN_REPLYHI], urls));
    await who.api.stopSession(session.id);
  });
});

describe("through the near agent", () => {
  it("a gdb without a file has the kernel's debug information, fetched once", async () => {
    const { who, session } = await atTheReady(box, 1);
    const { signal } = box.context;
    const files = new ImageFiles(path.join(home, "cache"));
    const options = { api: who.api, signal, onProgress: () => undefined };
    const kernel = await files.need(session.image, "debug", options);
    expect(await files.find(session.image, "debug")).toBe(kernel);
    await using connector = await startConnector({
      ...{ api: who.api, session: session.id, host: "127.0.0.1", port: 0, signal },
      ...{ debug: kernel, role: undefined, raw: false, verification: null },
      say: () => undefined,
      onEvent: () => undefined,
    });
    const commands = ["whatis __sys_listen", "ptype struct socket"];
    const printed = await gdb(`127.0.0.1:${connector.port}`, commands);
    expect(printed).toContain(`Reading symbols from ${kernel}`);
    expect(printed).toContain("type = int (int, int)");
    expect(printed).toContain("struct sock *sk;");
    const program = await files.need(session.image, "menuos", options);
    const urls = { DEBUGINFOD_URLS: box.temporary.box.url };
    const lesson = [`add-symbol-file ${program}`, ...IN_REPLYHI];
    expectReplyhi(await gdb(`127.0.0.1:${connector.port}`, lesson, urls));
    await who.api.stopSession(session.id);
  });
});

describe("monitor hint", () => {
  it("gives the lab's hints one after the other, in the language that was chosen", async () => {
    const { who, session } = await atTheReady(box, 2);
    const text = await readFile(path.join(repoRoot, "course/labs/net-listen/lab.yaml"), "utf8");
    const [first, second] = parseLabFile("lab.yaml", text).hints ?? [];
    const entry = await who.api.tcpEntry(session.id);
    const printed = await gdb(`${entry.host}:${entry.port}`, ["monitor hint", "monitor lang zh", "monitor hint"]);
    expect(first?.en).toMatch(/\w/);
    expect(printed).toContain(`: ${first?.en}\n`);
    expect(printed).toContain(`:${second?.zh}\n`);
    await who.api.stopSession(session.id);
  });
});
