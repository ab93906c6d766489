import { type EventEmitter, once } from "node:events";
import { access, readFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { cacheDirectory, findImage, type Image, imagePath, loadImage } from "@ringside/image";
import { type ConnectionRole, type MachineStart, tcpEntrySchema } from "@ringside/shared";
import type { TraceEvent } from "@ringside/trace";
import { TestCell } from "./cell.ts";
import { TestMachineFolder } from "./machine-folder.ts";
import { RspClient } from "./rsp-client.ts";
import { Screen } from "./screen.ts";
import { readEvents } from "./trace-events.ts";

/** A process that a test has spawned. Only tests spawn: they hand the function in. */
export interface Spawned extends EventEmitter {
  readonly pid?: number | undefined;
  readonly exitCode: number | null;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  kill(signal: NodeJS.Signals): boolean;
}
export type Spawn = (command: string, commandArguments: readonly string[]) => Spawned;

const GDB_TIMEOUT_MS = 60_000;
const EVENT_TIMEOUT_MS = 30_000;
const POLL_MS = 20;

const GDB_OPTIONS = [
  ...["-nx", "-q", "-ex", "set confirm off", "-ex", "set pagination off", "-ex", "set width 0"],
  ...["-ex", "set remotetimeout 30"],
];

/** A real QEMU with the course's image, served by a proxy in this process, for real gdbs. */
export class RealMachine implements AsyncDisposable {
  readonly image: Image;
  readonly cell: TestCell;
  readonly folder: TestMachineFolder;
  readonly qemu: Spawned;
  readonly screen: Screen;
  readonly #spawn: Spawn;

  private constructor(
    spawn: Spawn,
    image: Image,
    { cell, folder, qemu, screen }: { cell: TestCell; folder: TestMachineFolder; qemu: Spawned; screen: Screen },
  ) {
    this.#spawn = spawn;
    this.image = image;
    this.cell = cell;
    this.folder = folder;
    this.qemu = qemu;
    this.screen = screen;
  }

  /** Boots it to its prompt, or leaves it at power-on. */
  static async start(
    redisUrl: string,
    spawn: Spawn,
    environment: NodeJS.ProcessEnv,
    start: MachineStart = "prompt",
  ): Promise<RealMachine> {
    const found = await findImage(cacheDirectory(environment), "linux-x86_64");
    if (found === null) throw new Error("The course image linux-x86_64 is not built: run `ringside image build`");
    const image = await loadImage(found);
    const cell = await TestCell.start(redisUrl);
    const folder = await TestMachineFolder.make(cell.runDirectory);
    const qemu = startQemu(spawn, image, folder, start === "prompt" ? [] : ["-S"]);
    // Only looked at: a connection to the stub would stop the machine.
    await until(() => access(folder.stubPath));
    await folder.publish({ image: image.manifest.digest, pid: qemu.pid ?? 1, start });
    const screen = new Screen(await cell.connect("console", folder.session));
    await screen.wait(start === "prompt" ? image.manifest.prompt : "waits at power-on");
    return new RealMachine(spawn, image, { cell, folder, qemu, screen });
  }

  async events(): Promise<TraceEvent[]> {
    return readEvents(this.cell.traceDirectory(this.folder.session));
  }

  /** Waits until the events say so. */
  async untilEvents(check: (events: readonly TraceEvent[]) => void): Promise<void> {
    await until(async () => check(await this.events()));
  }

  /** How often gdbs have let it run on. */
  async resumes(): Promise<number> {
    const events = await this.events();
    return events.filter(
      (event) => event.type === "machine.resumed" && event.connection > 0 && event.action === "continue",
    ).length;
  }

  /** Runs `debug`, and types a line into the guest when it has let the machine run. */
  async whileRunning<T>(debug: () => Promise<T>, line: string): Promise<T> {
    const before = await this.resumes();
    const session = debug();
    const resumed = until(async () => {
      if ((await this.resumes()) !== before + 1) throw new Error("no gdb has let the machine run");
    });
    await Promise.race([session, resumed]);
    this.screen.type(line);
    return session;
  }

  async tcpEntry(): Promise<number> {
    const response = await this.cell.errand("tcp-entry", this.folder.session, { source: "127.0.0.1" });
    if (response.status !== 200) throw new Error(`no TCP entry: ${response.status} ${await response.text()}`);
    return tcpEntrySchema.parse(await response.json()).port;
  }

  /** A local port that carries one gdb over a WebSocket, as the near side of `ringside connect` does. */
  async bridge(role: ConnectionRole = "driver"): Promise<number> {
    const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
      server.close();
      this.cell.connect("gdb", this.folder.session, { role }).then(
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

  /** A test that speaks the protocol itself. */
  async rsp(role: ConnectionRole = "driver"): Promise<RspClient> {
    return RspClient.over(await this.cell.connect("gdb", this.folder.session, { role })).start();
  }

  /** Runs a gdb with the kernel's symbols to its end: what it wrote. */
  async gdb(port: number, commands: readonly string[]): Promise<string> {
    const gdb = new TalkingGdb(this.#spawn("gdb", ["-batch", ...this.#gdbArguments(port, commands)]));
    const overdue = setTimeout(() => gdb.process.kill("SIGKILL"), GDB_TIMEOUT_MS);
    await once(gdb.process, "close");
    clearTimeout(overdue);
    return gdb.output;
  }

  /** A gdb that stays, for commands one by one. */
  startGdb(port: number, commands: readonly string[] = []): TalkingGdb {
    return new TalkingGdb(this.#spawn("gdb", this.#gdbArguments(port, commands)));
  }

  #gdbArguments(port: number, commands: readonly string[]): string[] {
    const all = [`target remote 127.0.0.1:${port}`, ...commands];
    return [...GDB_OPTIONS, ...all.flatMap((command) => ["-ex", command]), imagePath(this.image, "debug")];
  }

  async symbolAt(name: string): Promise<bigint> {
    const text = await readFile(imagePath(this.image, "symbols"), "utf8");
    const [, hex] = new RegExp(`^([0-9a-f]+) [tT] ${name}$`, "m").exec(text) ?? [];
    if (hex === undefined) throw new Error(`the kernel has no ${name}`);
    return BigInt(`0x${hex}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.screen.ws.terminate();
    this.qemu.kill("SIGKILL");
    await this.cell[Symbol.asyncDispose]();
  }
}

/** A gdb that is typed to. Each command ends with a mark of its own, so that its output is known. */
export class TalkingGdb implements Disposable {
  readonly process: Spawned;
  output = "";
  #marks = 0;

  constructor(child: Spawned) {
    this.process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (bytes) => {
        this.output += String(bytes);
      });
    }
  }

  /** Types a command without waiting for its end. */
  type(command: string): void {
    this.process.stdin?.write(`${command}\n`);
  }

  /** Ctrl-C. */
  interrupt(): void {
    this.process.kill("SIGINT");
  }

  /** Waits for text, from the given place of the output on. */
  async wait(text: RegExp, from = 0): Promise<void> {
    await until(async () => {
      if (!text.test(this.output.slice(from))) throw new Error(`no ${text} in:\n${this.output.slice(from)}`);
    });
  }

  /** What a command writes. */
  async ask(command: string): Promise<string> {
    this.#marks += 1;
    const mark = `mark-${this.#marks}-`;
    const from = this.output.length;
    this.type(command);
    this.type(`echo ${mark}\\n`);
    await this.wait(new RegExp(mark), from);
    return this.output.slice(from);
  }

  [Symbol.dispose](): void {
    this.process.kill("SIGKILL");
  }
}

/** Tries until it does not fail any more. @throws what it failed with last */
async function until(act: () => Promise<unknown>): Promise<void> {
  const overMs = performance.now() + EVENT_TIMEOUT_MS;
  for (;;) {
    try {
      await act();
      return;
    } catch (error) {
      if (performance.now() > overMs) throw error;
      await sleep(POLL_MS);
    }
  }
}

/** The course kernel, cold, with its stub and console in `folder`. */
export function startQemu(
  spawn: Spawn,
  image: Image,
  folder: TestMachineFolder,
  more: readonly string[] = [],
): Spawned {
  return spawn("qemu-system-x86_64", [
    ...more,
    ...["-nodefaults", "-no-user-config", "-display", "none", "-vga", "none", "-no-reboot", "-m", "64"],
    ...["-accel", "tcg,tb-size=16", "-machine", "pc,hpet=off,usb=off,smbus=off,vmport=off,graphics=off"],
    ...["-kernel", imagePath(image, "kernel"), "-initrd", imagePath(image, "initrd")],
    ...["-append", image.manifest.commandLine],
    ...["-chardev", `socket,id=ser0,path=${folder.consolePath},server=on,wait=off`, "-serial", "chardev:ser0"],
    ...["-gdb", `unix:${folder.stubPath},server=on,wait=off`],
  ]);
}
