import { type ChildProcess, execFile, type StdioOptions, spawn } from "node:child_process";
import type { FileHandle } from "node:fs/promises";
import type { Duplex, Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { RECORDING_BYTES_MAX, RingsideError } from "@ringside/shared";
import { type Patience, within } from "./deadline.ts";
import { type Confinement, JAIL_FOLDER, jailArguments, limitArguments } from "./jail.ts";
import {
  JAIL_REPLAY_ADDRESS_SPACE_MIB,
  KILL_TIMEOUT_MS,
  REPLAY_OVERLAY_BYTES_MAX,
  START_BYTES_MAX,
  STDERR_CLOSE_MS,
  STDERR_TAIL_BYTES_MAX,
  TOOL_OUTPUT_BYTES_MAX,
  TOOL_TIMEOUT_MS,
} from "./limits.ts";
import type { MachineGroup } from "./machine-group.ts";
import { processHasArgument } from "./processes.ts";
import { type MachineSpec, qemuArguments, qemuBinary } from "./qemu-args.ts";
import { TextTail } from "./text-tail.ts";

/**
 * One QEMU as a child process, with or without the jail around it. Descriptors that it inherits:
 *
 *   3 QMP   4 the state of a clone   5 bubblewrap's info (jail only)   6… files given by the caller
 *
 * and after those, for the guard alone, its socket and its own program. The guard (native/machine-guard.c) is our
 * child; bubblewrap is its child, and QEMU bubblewrap's. When this process dies, the guard's socket closes and it
 * ends them all.
 */
const QMP_FD = 3;
/** Over this a clone gets its state: see migrate-incoming. */
export const STATE_FD = 4;
const INFO_FD = 5;
export const FIRST_FILE_FD = 6;

export interface QemuOptions extends Pick<MachineSpec, "name" | "arch" | "memoryMib" | "mode"> {
  /** The machine's private folder on the host. */
  readonly folder: string;
  readonly confinement: Confinement;
  /** Where the machine's processes belong from their first instruction on. */
  readonly group: MachineGroup | null;
  /** See JailOptions.program. */
  readonly program?: string | undefined;
  /** Open files that QEMU inherits, as descriptors from FIRST_FILE_FD on. Ours stay ours to close. */
  readonly files: readonly number[];
}

/** How the process ended: `code` of its own accord, or `signal`. Null and null: it could not be started. */
export interface QemuExit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stderr: string;
}

/** The machine's folder as QEMU sees it. */
export const folderInside = (confinement: Confinement, folder: string): string =>
  confinement.kind === "jail" ? JAIL_FOLDER : folder;

/** Everything after the guard's socket. */
function commandLine(options: QemuOptions): readonly string[] {
  const { confinement, folder, arch, memoryMib, mode, name, program } = options;
  const seen = folderInside(confinement, folder);
  const spec: MachineSpec = {
    ...{ name, arch, memoryMib, mode, folder: seen },
    qmpFd: QMP_FD,
  };
  const jail = confinement.kind === "jail" ? jailArguments({ arch, folder, infoFd: INFO_FD, program }) : [];
  const replaying = mode.kind === "clone" && mode.icount === "replay";
  const limits = limitArguments({
    memoryMib,
    writesBytes: writesBytes(mode, memoryMib),
    moreAddressesMib: replaying ? JAIL_REPLAY_ADDRESS_SPACE_MIB : 0,
  });
  return [...limits, ...jail, qemuBinary(arch), ...qemuArguments(spec)];
}

/** The largest file that such a machine has to write. */
function writesBytes(mode: MachineSpec["mode"], memoryMib: number): number {
  const memory = memoryMib * 1024 * 1024;
  if (mode.kind === "template") return memory;
  if (mode.kind !== "clone") return 0;
  // A clone's memory is written when it is saved, into a file that it is given then: it can make none itself.
  return { off: memory, record: RECORDING_BYTES_MAX, replay: REPLAY_OVERLAY_BYTES_MAX }[mode.icount];
}

export class QemuProcess {
  readonly qmp: Duplex;
  /** What is written here a clone loads. */
  readonly state: Duplex;
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<QemuExit>;
  readonly #child: ChildProcess;
  /** The guard's: closing it ends the machine. */
  readonly #control: Duplex;
  readonly #name: string;
  readonly #stderr = new TextTail(STDERR_TAIL_BYTES_MAX);
  #innerPid: Promise<number>;

  /** @param guard the guard's program: see machineGuard */
  constructor(options: QemuOptions, guard: FileHandle) {
    const jailed = options.confinement.kind === "jail";
    const user = options.confinement.kind === "jail" ? options.confinement.userId : undefined;
    const stdio: StdioOptions = ["ignore", "ignore", "pipe", "pipe", "pipe", jailed ? "pipe" : "ignore"];
    this.#name = options.name;
    const controlFd = FIRST_FILE_FD + options.files.length;
    const child = spawn(`/proc/self/fd/${controlFd + 1}`, [String(controlFd), ...commandLine(options)], {
      stdio: [...stdio, ...options.files, "pipe", guard.fd],
      env: { PATH: "/usr/bin:/bin" },
      cwd: "/",
      ...(user === undefined ? {} : { uid: user, gid: user }),
    });
    this.#child = child;
    this.#control = child.stdio[controlFd] as Duplex;
    this.qmp = this.#child.stdio[QMP_FD] as Duplex;
    this.state = this.#child.stdio[STATE_FD] as Duplex;
    this.state.on("error", () => undefined); // it goes away with QEMU, whose end is observed
    this.state.resume();
    this.#child.stderr?.on("data", (chunk: Buffer) => this.#stderr.push(chunk));
    this.exited = this.#observeExit();
    const first = readStart(this.#control, /^(\d+)\n/);
    const info = (child.stdio as readonly unknown[])[INFO_FD] as Readable;
    this.#innerPid = jailed ? readStart(info, /"child-pid"\s*:\s*(\d+)/) : first;
    first.catch(() => undefined);
    this.#innerPid.catch(() => undefined);
    void this.#begin(options.group);
  }

  /** QEMU's own process id on the host. Throws `machine_gone` when the jail ended before it told. */
  pid(signal?: AbortSignal): Promise<number> {
    return within(this.#innerPid, { timeoutMs: KILL_TIMEOUT_MS, signal }, "the jail's process id", "machine_gone");
  }

  /** Ends QEMU and its jail at once and waits until all of it is gone. Ending one that has ended does nothing. */
  async kill(): Promise<QemuExit> {
    this.#control.destroy();
    try {
      return await within(this.exited, { timeoutMs: KILL_TIMEOUT_MS }, "end of QEMU", "machine_unresponsive");
    } catch {
      this.#child.kill("SIGKILL");
      return within(this.exited, { timeoutMs: KILL_TIMEOUT_MS }, "end of QEMU's guard", "machine_unresponsive");
    }
  }

  /** Lets the guard begin once it is in the machine's group: so will be all that it starts. */
  async #begin(group: MachineGroup | null): Promise<void> {
    const pid = this.#child.pid;
    if (pid === undefined) return; // `exited` says why
    try {
      await group?.add(pid);
      this.#control.write("b");
    } catch (error) {
      this.#stderr.push(Buffer.from(error instanceof Error ? error.message : String(error)));
      this.#control.destroy();
    }
  }

  async #observeExit(): Promise<QemuExit> {
    const child = this.#child;
    const ended = await new Promise<Omit<QemuExit, "stderr">>((resolve) => {
      child.once("error", (error) => {
        this.#stderr.push(Buffer.from(error.message));
        resolve({ code: null, signal: null });
      });
      child.once("exit", (code, signal) => resolve(exitOf(code, signal)));
    });
    if (child.stderr !== null && !child.stderr.closed) {
      const closed = new Promise((resolve) => child.stderr?.once("close", resolve));
      await Promise.race([closed, sleep(STDERR_CLOSE_MS)]);
    }
    // Should the guard itself have been killed.
    const pid = await this.#innerPid.catch(() => 0);
    if (pid !== 0 && processHasArgument(pid, this.#name)) killProcess(pid);
    return { ...ended, stderr: this.#stderr.toString() };
  }
}

/** Finds a process id in what a stream says first. */
function readStart(stream: Readable, pattern: RegExp): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = "";
    stream.on("data", (chunk: Buffer) => {
      text = (text + chunk.toString("latin1")).slice(0, START_BYTES_MAX);
      const pid = pattern.exec(text)?.[1];
      if (pid !== undefined) resolve(Number(pid));
    });
    const gone = () => reject(new RingsideError("machine_gone", { message: "the jail ended at once" }));
    stream.on("error", gone);
    stream.on("close", gone);
  });
}

/** bubblewrap and the guard say 128 + signal of what ran inside. */
function exitOf(code: number | null, signal: string | null): Omit<QemuExit, "stderr"> {
  if (code !== null && code > 128) return { code: null, signal: `signal ${code - 128}` };
  return { code, signal };
}

function killProcess(pid: number): boolean {
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch {
    return false; // gone already, or not ours: the caller then ends the jail
  }
}

/**
 * Runs a short tool to its end and gives what it wrote to stdout.
 * @throws RingsideError `internal` with the tool's stderr when it fails or takes too long
 */
export function runTool(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const limits = { timeout: TOOL_TIMEOUT_MS, maxBuffer: TOOL_OUTPUT_BYTES_MAX, killSignal: "SIGKILL" as const };
    execFile(program, args, limits, (cause, stdout, stderr) => {
      if (cause === null) return resolve(stdout);
      const what = stderr.trim().slice(-STDERR_TAIL_BYTES_MAX) || cause.message;
      reject(new RingsideError("internal", { message: `${program} failed: ${what}`, cause }));
    });
  });
}

/** A helper process that holds something as long as its stdin is open. */
export interface Holder extends AsyncDisposable {
  readonly pid: number;
  /** The first line of its stdout. */
  readonly line: string;
}

/**
 * Starts a helper and waits for its first line.
 * @throws RingsideError `internal` with the helper's stderr when it ends before, or when the line does not come
 */
export async function startHolder(
  program: string,
  args: readonly string[],
  patience: Patience = { timeoutMs: TOOL_TIMEOUT_MS },
): Promise<Holder> {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  const stderr = new TextTail(STDERR_TAIL_BYTES_MAX);
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  child.stdin.on("error", () => undefined);
  const ended = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      stderr.push(Buffer.from(error.message));
      resolve();
    });
    child.once("close", () => resolve());
  });
  const line = new Promise<string>((resolve, reject) => {
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => {
      text = (text + chunk.toString("latin1")).slice(0, TOOL_OUTPUT_BYTES_MAX);
      const end = text.indexOf("\n");
      if (end >= 0) resolve(text.slice(0, end));
    });
    void ended.then(() => reject(new RingsideError("internal", { message: `${program} failed: ${stderr}` })));
  });
  const dispose = async (): Promise<void> => {
    child.stdin.end();
    await within(ended, { timeoutMs: KILL_TIMEOUT_MS }, program).catch(() => child.kill("SIGKILL"));
  };
  try {
    const first = await within(line, patience, program, "internal");
    return { pid: child.pid ?? 0, line: first, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    child.kill("SIGKILL");
    await dispose();
    throw error;
  }
}
