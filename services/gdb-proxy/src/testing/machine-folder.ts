import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { CONSOLE_SOCKET, MACHINE_FILE, MACHINES_FOLDER, type MachineFile, newId, STUB_SOCKET } from "@ringside/shared";

/** A machine's folder, as vm-runner makes it: sockets first, then machine.json by rename. */
export class TestMachineFolder {
  readonly session: string;
  readonly epoch: number;
  readonly folder: string;
  readonly machine: string;

  private constructor(session: string, epoch: number, folder: string) {
    this.session = session;
    this.epoch = epoch;
    this.folder = folder;
    this.machine = basename(folder);
  }

  static async make(runDirectory: string, session = newId("ses"), epoch = 1): Promise<TestMachineFolder> {
    const folder = join(runDirectory, MACHINES_FOLDER, newId("mch"));
    await mkdir(folder, { recursive: true });
    return new TestMachineFolder(session, epoch, folder);
  }

  get stubPath(): string {
    return join(this.folder, STUB_SOCKET);
  }

  get consolePath(): string {
    return join(this.folder, CONSOLE_SOCKET);
  }

  async publish(overrides: Partial<MachineFile> = {}): Promise<void> {
    const file: MachineFile = {
      machine: this.machine,
      session: this.session,
      epoch: this.epoch,
      user: newId("usr"),
      lab: "net-listen",
      image: "0".repeat(64),
      arch: "x86_64",
      parameters: { backlog: 5 },
      qemuVersion: "QEMU emulator version 7.2.22",
      pid: process.pid,
      from: "fresh",
      recording: false,
      template: null,
      idleMinutes: 0,
      onDisconnect: "run",
      start: "prompt",
      hints: [],
      memoryMib: 64,
      consoleStart: "",
      ...overrides,
    };
    await writeFile(join(this.folder, "machine.new"), JSON.stringify(file));
    await rename(join(this.folder, "machine.new"), join(this.folder, MACHINE_FILE));
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
