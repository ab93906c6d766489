import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { cacheDirectory, findImage, type Image, imagePath, loadImage } from "@ringside/image";
import { type MachineErrand, tcpEntrySchema } from "@ringside/shared";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { TestCell } from "./testing/cell.ts";
import { FakeRunner } from "./testing/fake-runner.ts";
import { TestMachineFolder } from "./testing/machine-folder.ts";
import { Screen } from "./testing/screen.ts";
import { readEvents } from "./testing/trace-events.ts";

const WAIT = { timeout: 15_000 };

/** QEMU by hand, without a jail, which can be saved to a file and started from it as a runner would. */
class MigratingMachine implements Disposable {
  readonly folder: TestMachineFolder;
  readonly child: ChildProcess;
  readonly #image: Image;
  readonly #qmp: Socket;
  readonly #answers: AsyncIterator<string>;

  private constructor(image: Image, folder: TestMachineFolder, child: ChildProcess, qmp: Socket) {
    this.#image = image;
    this.folder = folder;
    this.child = child;
    this.#qmp = qmp;
    this.#answers = createInterface({ input: qmp })[Symbol.asyncIterator]();
  }

  /** @param from a file that save() wrote; the guest is stopped then */
  static async start(image: Image, runDirectory: string, session?: string, from?: string): Promise<MigratingMachine> {
    const folder = await TestMachineFolder.make(runDirectory, session);
    const socket = join(folder.folder, "qmp.sock");
    const child = spawn(
      "qemu-system-x86_64",
      [
        ...["-nodefaults", "-no-user-config", "-display", "none", "-vga", "none", "-no-reboot", "-m", "64"],
        ...["-accel", "tcg,tb-size=16", "-machine", "pc,hpet=off,usb=off,smbus=off,vmport=off,graphics=off"],
        ...["-kernel", imagePath(image, "kernel"), "-initrd", imagePath(image, "initrd")],
        ...["-append", image.manifest.commandLine, "-qmp", `unix:${socket},server=on,wait=off`],
        ...["-chardev", `socket,id=ser0,path=${folder.consolePath},server=on,wait=off`, "-serial", "chardev:ser0"],
        ...["-gdb", `unix:${folder.stubPath},server=on,wait=off`],
        ...(from === undefined ? [] : ["-S", "-incoming", `exec:cat ${from}`]),
      ],
      { stdio: "ignore" },
    );
    try {
      // The socket's file is there a moment before QEMU listens.
      const qmp = await vi.waitFor(
        async () => {
          const tried = createConnection(socket);
          await once(tried, "connect");
          return tried;
        },
        { timeout: 10_000 },
      );
      const machine = new MigratingMachine(image, folder, child, qmp);
      await machine.#do("qmp_capabilities");
      if (from !== undefined) await machine.#migrated();
      return machine;
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
  }

  async publish(from: "fresh" | "hibernated" = "fresh"): Promise<void> {
    await this.folder.publish({ image: this.#image.manifest.digest, pid: this.child.pid ?? 1, from });
  }

  /** Stops the guest and writes its state; the guest stays stopped. */
  async save(file: string): Promise<void> {
    await this.#do("stop");
    await this.#do("migrate-set-parameters", { "max-bandwidth": 2 ** 33 });
    await this.#do("migrate", { uri: `exec:cat > ${file}` });
    await this.#migrated();
  }

  async end(): Promise<void> {
    const exit = once(this.child, "exit");
    this[Symbol.dispose]();
    await exit;
    await this.folder.remove();
  }

  [Symbol.dispose](): void {
    this.#qmp.destroy();
    this.child.kill("SIGKILL");
  }

  async #migrated(): Promise<void> {
    for (;;) {
      const { status } = (await this.#do("query-migrate")) as { status?: string };
      if (status === "completed") return;
      if (status === "failed") throw new Error("the migration failed");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async #do(command: string, args: Record<string, unknown> = {}): Promise<unknown> {
    this.#qmp.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    for (;;) {
      const { done, value } = await this.#answers.next();
      if (done) throw new Error("QEMU has gone");
      const message = JSON.parse(value) as { return?: unknown; error?: { desc: string } };
      if (message.error !== undefined) throw new Error(message.error.desc);
      if (message.return !== undefined) return message.return;
    }
  }
}

let image: Image;
let cell: TestCell;
let runner: FakeRunner;
let machine: MigratingMachine;
let session: string;
let screen: Screen;

beforeAll(async () => {
  const folder = await findImage(cacheDirectory(process.env), "linux-x86_64");
  if (folder === null) throw new Error("The course image linux-x86_64 is not built: run `ringside image build`");
  image = await loadImage(folder);
  cell = await TestCell.start(inject("redisUrl"));
  runner = await FakeRunner.start(cell.runDirectory);
  machine = await MigratingMachine.start(image, cell.runDirectory);
  session = machine.folder.session;
  const state = join(cell.folder, "state");
  runner.instead.set("hibernate", async () => {
    await machine.save(state);
    await machine.end();
    return { bytes: 1 };
  });
  runner.instead.set("wake", async () => {
    machine = await MigratingMachine.start(image, cell.runDirectory, session, state);
    await machine.publish("hibernated");
    return { machine: machine.folder.machine, awakeAlready: false };
  });
  runner.instead.set("save", async () => {
    await machine.save(join(cell.folder, "checkpoint"));
    return { name: "checkpoint", bytes: 1, savedAt: new Date().toISOString() };
  });
  await machine.publish();
  screen = new Screen(await cell.connect("console", session));
  await screen.wait(image.manifest.prompt);
});

afterAll(async () => {
  screen?.ws.terminate();
  machine?.[Symbol.dispose]();
  await runner?.[Symbol.asyncDispose]();
  await cell?.[Symbol.asyncDispose]();
});

/** A gdb that is typed to, line by line. */
class TypedGdb implements Disposable {
  readonly #child: ChildProcess;
  text = "";

  constructor(port: number) {
    this.#child = spawn("gdb", [
      ...["-nx", "-q", "-ex", "set confirm off", "-ex", "set pagination off", "-ex", "set width 0"],
      ...["-ex", `target remote 127.0.0.1:${port}`, imagePath(image, "debug")],
    ]);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (bytes) => {
        this.text += String(bytes);
      });
    }
  }

  type(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  async shows(text: RegExp): Promise<void> {
    await vi.waitFor(() => expect(this.text).toMatch(text), WAIT);
  }

  async quit(): Promise<void> {
    const closed = once(this.#child, "close");
    this.type("detach");
    this.type("quit");
    await closed;
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }
}

async function attach(): Promise<TypedGdb> {
  const response = await cell.errand("tcp-entry", session, { source: "127.0.0.1" });
  return new TypedGdb(tcpEntrySchema.parse(await response.json()).port);
}

const does = async (errand: MachineErrand) => expect((await cell.errand("machine", session, errand)).status).toBe(200);
const count = async (type: string) =>
  (await readEvents(cell.traceDirectory(session))).filter((event) => event.type === type).length;

async function continued(gdb: TypedGdb): Promise<void> {
  const before = await count("machine.resumed");
  gdb.type("continue");
  await vi.waitFor(async () => expect(await count("machine.resumed")).toBe(before + 1), WAIT);
}

describe("a real machine under a real gdb", () => {
  it("hibernates while gdb has it stopped, wakes on continue, and the breakpoint is hit", async () => {
    using gdb = await attach();
    gdb.type("break __sys_listen");
    await gdb.shows(/Breakpoint 1 at/);
    await does({ do: "hibernate" });
    const process = machine.child;
    expect(process.exitCode ?? process.signalCode).not.toBeNull();
    await continued(gdb);
    expect(machine.child).not.toBe(process);
    screen.type("replyhi\r");
    await gdb.shows(/Breakpoint 1, __sys_listen/);
    gdb.type("backtrace");
    await gdb.shows(/do_syscall_64/);
    await gdb.quit();
    await screen.wait(image.manifest.prompt);
    expect(await count("machine.hibernated")).toBe(1);
  });

  it("hibernates while it runs under a waiting gdb, and typing wakes it into the breakpoint", async () => {
    using gdb = await attach();
    gdb.type("break __sys_connect");
    await gdb.shows(/Breakpoint 1 at/);
    await continued(gdb);
    await does({ do: "hibernate" });
    screen.type("hello\r");
    await gdb.shows(/Breakpoint 1, __sys_connect/);
    expect(gdb.text).not.toMatch(/SIGINT/);
    await gdb.quit();
    await screen.wait(image.manifest.prompt);
  });

  it("is saved while it runs under a waiting gdb, and runs on into the breakpoint", async () => {
    using gdb = await attach();
    gdb.type("break __x64_sys_newuname");
    await gdb.shows(/Breakpoint 1 at/);
    await continued(gdb);
    await does({ do: "save", name: "checkpoint" });
    await does({ do: "pause" });
    await does({ do: "resume" });
    screen.type("version\r");
    await gdb.shows(/Breakpoint 1, /);
    expect(gdb.text).not.toMatch(/SIGINT/);
    await gdb.quit();
  });
});
