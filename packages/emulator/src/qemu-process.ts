import { type ChildProcess, execFile, type StdioOptions, spawn } from "node:child_process";
import type { Duplex, Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { RingsideError } from "@ringside/shared";
import { within } from "./deadline.ts";
import { type Confinement, JAIL_FOLDER, jailArguments, limitArguments } from "./jail.ts";
import {
  KILL_TIMEOUT_MS,
  STDERR_CLOSE_MS,
  STDERR_TAIL_BYTES_MAX,
  TOOL_OUTPUT_BYTES_MAX,
  TOOL_TIMEOUT_MS,
} from "./limits.ts";
import { processHasArgument } from "./processes.ts";
import { type MachineSpec, qemuArguments, qemuBinary } from "./qemu-args.ts";
import { TextTail } from "./text-tail.ts";

/**
 * One QEMU as a child process, with or without the jail around it. Descriptors that it inherits:
 *
 *   3 QMP   4 parameters channel   5 bubblewrap's info (jail only)   6… files given by the caller
 *
 * When this process dies, bubblewrap takes QEMU along (`--die-with-parent`).
 */
const QMP_FD = 3;
const PARAMETERS_FD = 4;
const INFO_FD = 5;
export const FIRST_FILE_FD = 6;

export interface QemuOptions extends Pick<MachineSpec, "name" | "arch" | "memoryMib" | "mode"> {
  /** The machine's private folder on the host. */
  readonly folder: string;
  readonly confinement: Confinement;
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

/** Everything after `prlimit`. */
function commandLine(options: QemuOptions): readonly string[] {
  const { confinement, folder, arch, memoryMib, mode, name } = options;
  const seen = folderInside(confinement, folder);
  const spec: MachineSpec = {
    ...{ name, arch, memoryMib, mode, folder: seen },
    ...{ qmpFd: QMP_FD, parametersFd: PARAMETERS_FD },
  };
  const jail = confinement.kind === "jail" ? jailArguments({ arch, folder, infoFd: INFO_FD }) : [];
  const limits = limitArguments({ memoryMib, writesMemoryFile: mode.kind === "template" });
  return [...limits, ...jail, qemuBinary(arch), ...qemuArguments(spec)];
}

export class QemuProcess {
  readonly qmp: Duplex;
  readonly parameters: Duplex;
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<QemuExit>;
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #stderr = new TextTail(STDERR_TAIL_BYTES_MAX);
  #innerPid: Promise<number>;

  constructor(options: QemuOptions) {
    const jailed = options.confinement.kind === "jail";
    const user = options.confinement.kind === "jail" ? options.confinement.userId : undefined;
    const stdio: StdioOptions = ["ignore", "ignore", "pipe", "pipe", "pipe", jailed ? "pipe" : "ignore"];
    this.#name = options.name;
    this.#child = spawn("prlimit", commandLine(options), {
      stdio: [...stdio, ...options.files],
      env: { PATH: "/usr/bin:/bin" },
      cwd: "/",
      ...(user === undefined ? {} : { uid: user, gid: user }),
    });
    this.qmp = this.#child.stdio[QMP_FD] as Duplex;
    this.parameters = this.#child.stdio[PARAMETERS_FD] as Duplex;
    this.parameters.on("error", () => undefined); // it goes away with QEMU, whose end is observed
    this.#child.stderr?.on("data", (chunk: Buffer) => this.#stderr.push(chunk));
    this.exited = this.#observeExit(jailed);
    this.#innerPid = jailed ? this.#readInfo() : Promise.resolve(this.#child.pid ?? 0);
    this.#innerPid.catch(() => undefined);
  }

  /** QEMU's own process id on the host. Throws `machine_gone` when the jail ended before it told. */
  pid(signal?: AbortSignal): Promise<number> {
    return within(this.#innerPid, { timeoutMs: KILL_TIMEOUT_MS, signal }, "the jail's process id", "machine_gone");
  }

  /** Ends QEMU at once and waits until it is gone. Ending one that has ended does nothing. */
  async kill(): Promise<QemuExit> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const pid = await this.pid().catch(() => 0);
      // QEMU first: then its jail reaps it and ends by itself. Without its id the jail takes it along.
      if (pid === 0 || !processHasArgument(pid, this.#name) || !killProcess(pid)) this.#child.kill("SIGKILL");
    }
    try {
      return await within(this.exited, { timeoutMs: KILL_TIMEOUT_MS }, "end of QEMU", "machine_unresponsive");
    } catch {
      this.#child.kill("SIGKILL");
      return within(this.exited, { timeoutMs: KILL_TIMEOUT_MS }, "end of QEMU's jail", "machine_unresponsive");
    }
  }

  async #observeExit(jailed: boolean): Promise<QemuExit> {
    const child = this.#child;
    const ended = await new Promise<Omit<QemuExit, "stderr">>((resolve) => {
      child.once("error", (error) => {
        this.#stderr.push(Buffer.from(error.message));
        resolve({ code: null, signal: null });
      });
      child.once("exit", (code, signal) => resolve(exitOf(code, signal, jailed)));
    });
    if (child.stderr !== null && !child.stderr.closed) {
      const closed = new Promise((resolve) => child.stderr?.once("close", resolve));
      await Promise.race([closed, sleep(STDERR_CLOSE_MS)]);
    }
    const pid = await this.#innerPid.catch(() => 0);
    if (pid !== 0 && processHasArgument(pid, this.#name)) killProcess(pid);
    return { ...ended, stderr: this.#stderr.toString() };
  }

  #readInfo(): Promise<number> {
    return new Promise((resolve, reject) => {
      const info = (this.#child.stdio as readonly unknown[])[INFO_FD] as Readable;
      let text = "";
      info.on("data", (chunk: Buffer) => {
        text = (text + chunk.toString("latin1")).slice(0, 4_096);
        const pid = /"child-pid": ([0-9]+)/.exec(text)?.[1];
        if (pid !== undefined) resolve(Number(pid));
      });
      const gone = () => reject(new RingsideError("machine_gone", { message: "the jail ended at once" }));
      info.on("error", gone);
      info.on("close", gone);
    });
  }
}

/** bubblewrap says 128 + signal of what ran inside. */
function exitOf(code: number | null, signal: string | null, jailed: boolean): Omit<QemuExit, "stderr"> {
  if (jailed && code !== null && code > 128) return { code: null, signal: `signal ${code - 128}` };
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
 * @throws RingsideError `internal` with the helper's stderr when it ends before
 */
export async function startHolder(program: string, args: readonly string[]): Promise<Holder> {
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
    const first = await within(line, { timeoutMs: TOOL_TIMEOUT_MS }, program, "internal");
    return { pid: child.pid ?? 0, line: first, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
