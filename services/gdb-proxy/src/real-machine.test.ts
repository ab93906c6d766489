import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { access } from "node:fs/promises";
import { createServer } from "node:net";
import { promisify } from "node:util";
import { cacheDirectory, findImage, type Image, imagePath, loadImage } from "@ringside/image";
import { tcpEntrySchema } from "@ringside/shared";
import type { TraceEventOf } from "@ringside/trace";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { TestCell } from "./testing/cell.ts";
import { TestMachineFolder } from "./testing/machine-folder.ts";
import { Screen } from "./testing/screen.ts";
import { readEvents } from "./testing/trace-events.ts";

const run = promisify(execFile);
const GDB_TIMEOUT_MS = 60_000;

let image: Image;
let cell: TestCell;
let machine: TestMachineFolder;
let qemu: ChildProcess;
let screen: Screen;

function startQemu(folder: TestMachineFolder): ChildProcess {
  const child = spawn(
    "qemu-system-x86_64",
    [
      ...["-nodefaults", "-no-user-config", "-display", "none", "-vga", "none", "-no-reboot", "-m", "64"],
      ...["-accel", "tcg,tb-size=16", "-machine", "pc,hpet=off,usb=off,smbus=off,vmport=off,graphics=off"],
      ...["-kernel", imagePath(image, "kernel"), "-initrd", imagePath(image, "initrd")],
      ...["-append", image.manifest.commandLine],
      ...["-chardev", `socket,id=ser0,path=${folder.consolePath},server=on,wait=off`, "-serial", "chardev:ser0"],
      ...["-gdb", `unix:${folder.stubPath},server=on,wait=off`],
    ],
    { stdio: "ignore" },
  );
  return child;
}

/** Runs gdb on the kernel's symbols; its output, which must not be an error of ours. */
async function gdb(port: number, commands: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run(
    "gdb",
    [
      ...["-nx", "-batch", "-ex", "set confirm off", "-ex", "set pagination off", "-ex", "set remotetimeout 30"],
      ...["-ex", `target remote 127.0.0.1:${port}`],
      ...commands.flatMap((command) => ["-ex", command]),
      imagePath(image, "debug"),
    ],
    { timeout: GDB_TIMEOUT_MS, maxBuffer: 16 * 1024 * 1024 },
  );
  return stdout + stderr;
}

/** A local port that carries one gdb over a WebSocket, as the near side of `ringside connect` does. */
async function bridge(): Promise<number> {
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
    server.close();
    cell.connect("gdb", machine.session).then(
      (ws) => {
        ws.on("open", () => socket.resume());
        ws.on("message", (data: Buffer) => socket.write(data));
        ws.on("close", () => socket.end());
        socket.on("data", (bytes) => ws.send(bytes));
        socket.on("close", () => ws.close());
        socket.on("error", () => ws.terminate());
      },
      () => socket.destroy(),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as { port: number }).port;
}

async function tcpEntry(): Promise<number> {
  const response = await cell.errand("tcp-entry", machine.session, { source: "127.0.0.1" });
  expect(response.status).toBe(200);
  return tcpEntrySchema.parse(await response.json()).port;
}

beforeAll(async () => {
  const folder = await findImage(cacheDirectory(process.env), "linux-x86_64");
  if (folder === null) throw new Error("The course image linux-x86_64 is not built: run `ringside image build`");
  image = await loadImage(folder);
  cell = await TestCell.start(inject("redisUrl"));
  machine = await TestMachineFolder.make(cell.runDirectory);
  qemu = startQemu(machine);
  // Only looked at: a connection to the stub would stop the machine.
  await vi.waitFor(() => access(machine.stubPath), { timeout: 10_000 });
  await machine.publish({ image: image.manifest.digest, pid: qemu.pid ?? 1 });
  screen = new Screen(await cell.connect("console", machine.session));
  await screen.wait(image.manifest.prompt);
});

afterAll(async () => {
  screen?.ws.terminate();
  qemu?.kill("SIGKILL");
  await cell?.[Symbol.asyncDispose]();
});

/** Runs gdb and, when it has let the machine run, types a line into the guest. */
async function whileRunning<T>(debug: () => Promise<T>, line: string): Promise<T> {
  const resumes = async () => (await readEvents(cell.traceDirectory(machine.session))).filter(isGdbResume).length;
  const before = await resumes();
  const session = debug();
  await Promise.race([session, vi.waitFor(async () => expect(await resumes()).toBe(before + 1), { timeout: 30_000 })]);
  screen.type(line);
  return session;
}

const isGdbResume = (event: { type: string }): boolean =>
  event.type === "machine.resumed" &&
  (event as TraceEventOf<"machine.resumed">).connection > 0 &&
  (event as TraceEventOf<"machine.resumed">).action === "continue";

async function symbolAt(name: string): Promise<bigint> {
  const { stdout } = await run("grep", ["-E", ` [tT] ${name}$`, imagePath(image, "symbols")]);
  return BigInt(`0x${stdout.split(" ")[0]}`);
}

describe.each([
  ["a WebSocket", bridge, "__sys_listen", "replyhi\r"],
  ["a TCP entry", tcpEntry, "__sys_connect", "hello\r"],
])("a real gdb through %s", (_name, open, place, line) => {
  it("stops in the kernel's call, and the stop is recorded with its callers", async () => {
    const port = await open();
    const commands = [`break ${place}`, "continue", "backtrace", "stepi", "x/i $pc", "detach"];
    const output = await whileRunning(() => gdb(port, commands), line);
    expect(output).toMatch(new RegExp(`Breakpoint 1, ${place}`));
    expect(output).toMatch(/do_syscall_64/);
    await screen.wait(image.manifest.prompt);

    const events = await readEvents(cell.traceDirectory(machine.session));
    const stop = events.filter((event) => event.type === "machine.stopped").findLast(({ frames }) => frames.length > 0);
    const caller = await symbolAt("do_syscall_64");
    const frames = stop?.frames.map((frame) => BigInt(`0x${frame}`)) ?? [];
    expect(frames.some((frame) => frame > caller && frame < caller + 0x400n)).toBe(true);
  });
});

describe("a real machine", () => {
  it("keeps its host's files and its life from monitor, kill and detach", async () => {
    const trap = `${cell.folder}/trap`;
    const port = await tcpEntry();
    const output = await gdb(port, [
      `monitor migrate "exec:touch ${trap}"`,
      "monitor info version",
      "break __sys_listen",
      "kill",
    ]);
    expect(output).toContain("monitor help");
    expect(output).toContain("QEMU emulator version");
    await expect(access(trap)).rejects.toThrow();
    screen.type("version\r");
    await screen.wait(image.manifest.prompt);
    expect(qemu.exitCode).toBeNull();
  });

  it("runs on when its gdb is killed, and the next gdb stops where it says", async () => {
    const port = await tcpEntry();
    const child = spawn("gdb", [
      "-nx",
      "-batch",
      "-ex",
      `target remote 127.0.0.1:${port}`,
      "-ex",
      "break __x64_sys_newuname",
      "-ex",
      "continue",
      imagePath(image, "debug"),
    ]);
    const resumes = async () => (await readEvents(cell.traceDirectory(machine.session))).filter(isGdbResume).length;
    const before = await resumes();
    await vi.waitFor(async () => expect(await resumes()).toBe(before + 1), { timeout: 20_000 });
    child.kill("SIGKILL");
    await vi.waitFor(
      async () => {
        const last = (await readEvents(cell.traceDirectory(machine.session))).findLast(
          ({ type }) => type === "machine.resumed",
        );
        expect(last).toMatchObject({ connection: 0 });
      },
      { timeout: 10_000 },
    );
    screen.type("help\r");
    await screen.wait(image.manifest.prompt);
    const output = await gdb(await tcpEntry(), ["stepi", "stepi", "info registers rip", "detach"]);
    expect(output).toMatch(/rip\s+0x[0-9a-f]+/);
  });

  it("answers Ctrl-C", async () => {
    const port = await tcpEntry();
    const child = spawn("gdb", [
      "-nx",
      "-batch",
      "-ex",
      `target remote 127.0.0.1:${port}`,
      "-ex",
      "continue",
      "-ex",
      "info registers rip",
      "-ex",
      "detach",
      imagePath(image, "debug"),
    ]);
    let output = "";
    child.stdout.on("data", (bytes) => {
      output += String(bytes);
    });
    const resumes = async () => (await readEvents(cell.traceDirectory(machine.session))).filter(isGdbResume).length;
    const before = await resumes();
    await vi.waitFor(async () => expect(await resumes()).toBe(before + 1), { timeout: 20_000 });
    child.kill("SIGINT");
    await once(child, "close");
    expect(output).toMatch(/SIGINT/);
  });

  it("that dies ends its gdb's wait at once", async () => {
    const session = gdb(await tcpEntry(), ["continue"]);
    const resumes = async () => (await readEvents(cell.traceDirectory(machine.session))).filter(isGdbResume).length;
    const before = await resumes();
    await vi.waitFor(async () => expect(await resumes()).toBe(before + 1), { timeout: 20_000 });
    qemu.kill("SIGKILL");
    expect(await session).toMatch(/exited normally/);
    await vi.waitFor(async () => {
      const types = (await readEvents(cell.traceDirectory(machine.session))).map(({ type }) => type);
      expect(types).toContain("machine.gone");
    });
  });
});
