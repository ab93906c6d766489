import { chmod, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { MACHINE_FILE, MACHINES_FOLDER, type MachineFile, machineFileSchema, RingsideError } from "@ringside/shared";

/**
 * The cell's run directory (contract: cell.ts of @ringside/shared), and below it, of this process alone:
 *
 *   t/            where templates boot
 *   runner.sock   held by the one runner of this directory; nobody speaks on it
 *
 * Folders are open to pass through, as machines run as users of their own, but not to look into.
 */
const TEMPLATES_FOLDER = "t";
const LOCK_SOCKET = "runner.sock";
const PASS_THROUGH = 0o711;

export class RunDirectory {
  readonly machines: string;
  readonly templates: string;
  readonly #lock: Server;

  private constructor(path: string, lock: Server) {
    this.machines = join(path, MACHINES_FOLDER);
    this.templates = join(path, TEMPLATES_FOLDER);
    this.#lock = lock;
  }

  /**
   * Makes the folders and becomes their one runner.
   * @throws RingsideError `conflict` when another runner is there
   */
  static async open(path: string): Promise<RunDirectory> {
    for (const folder of [path, join(path, MACHINES_FOLDER), join(path, TEMPLATES_FOLDER)]) {
      await mkdir(folder, { recursive: true });
      await chmod(folder, PASS_THROUGH);
    }
    return new RunDirectory(path, await lock(join(path, LOCK_SOCKET)));
  }

  /** Names of all machine folders, ours or not. */
  machineNames(): Promise<readonly string[]> {
    return readdir(this.machines);
  }

  templateNames(): Promise<readonly string[]> {
    return readdir(this.templates);
  }

  machinePath(name: string): string {
    return join(this.machines, name);
  }

  /** Writes `machine.json`: from now on the machine is there for the proxy. */
  async announceMachine(name: string, file: MachineFile): Promise<void> {
    const path = join(this.machinePath(name), MACHINE_FILE);
    await writeFile(`${path}.new`, `${JSON.stringify(machineFileSchema.parse(file))}\n`, { flag: "wx", mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  /** Removes a machine's folder: `machine.json` first, so that nobody finds half a machine. */
  async removeMachine(name: string): Promise<void> {
    await rm(join(this.machinePath(name), MACHINE_FILE), { force: true });
    await rm(this.machinePath(name), { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => this.#lock.close(resolve));
  }
}

/** A socket that somebody listens on is held; one that nobody listens on was left by a crash. */
async function lock(path: string): Promise<Server> {
  const held = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => resolve(true));
    probe.once("error", () => resolve(false));
    probe.once("close", () => probe.destroy());
    probe.unref();
    probe.once("connect", () => probe.destroy());
  });
  const taken = new RingsideError("conflict", { message: `another vm-runner uses this run directory: ${path}` });
  if (held) throw taken;
  await rm(path, { force: true });
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => reject(new RingsideError("conflict", { message: taken.message, cause })));
    server.listen(path, resolve);
  });
  server.unref();
  return server;
}
