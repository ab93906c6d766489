import { renameSync, writeFileSync } from "node:fs";
import { chmod, mkdir, readdir, rename, rm } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import {
  CELL_LINK_SOCKET,
  MACHINE_FILE,
  MACHINES_FOLDER,
  type MachineFile,
  machineFileSchema,
  RingsideError,
} from "@ringside/shared";

/**
 * The cell's run directory (contract: cell.ts of @ringside/shared), and below it, of this process alone:
 *
 *   pool/         machines that are not shown to the proxy: prewarmed, starting, or ending
 *   t/            where templates boot
 *   runner.sock   held by the one runner of this directory; nobody speaks on it
 *
 * A machine's folder is moved from pool/ to m/ with its machine.json in it, and back: each is one step for whoever
 * looks. What is mounted in its jail stays the same folder. Folders are open to pass through, as machines run as users
 * of their own, but not to look into.
 */
const POOL_FOLDER = "pool";
const TEMPLATES_FOLDER = "t";
const LOCK_SOCKET = "runner.sock";
const PASS_THROUGH = 0o711;

export class RunDirectory {
  readonly machines: string;
  readonly pool: string;
  readonly templates: string;
  readonly cellSocket: string;
  readonly #lock: Server;

  private constructor(path: string, lock: Server) {
    this.machines = join(path, MACHINES_FOLDER);
    this.pool = join(path, POOL_FOLDER);
    this.templates = join(path, TEMPLATES_FOLDER);
    this.cellSocket = join(path, CELL_LINK_SOCKET);
    this.#lock = lock;
  }

  /**
   * Makes the folders and becomes their one runner.
   * @throws RingsideError `conflict` when another runner is there
   */
  static async open(path: string): Promise<RunDirectory> {
    for (const folder of [path, ...[MACHINES_FOLDER, POOL_FOLDER, TEMPLATES_FOLDER].map((name) => join(path, name))]) {
      await mkdir(folder, { recursive: true });
      await chmod(folder, PASS_THROUGH);
    }
    return new RunDirectory(path, await lock(join(path, LOCK_SOCKET)));
  }

  /** Paths of all machines' folders, ours or not, shown or not. */
  async machineFolders(): Promise<readonly { readonly name: string; readonly folder: string }[]> {
    const found = await Promise.all(
      [this.machines, this.pool].map(async (root) =>
        (await readdir(root)).map((name) => ({ name, folder: join(root, name) })),
      ),
    );
    return found.flat();
  }

  templateNames(): Promise<readonly string[]> {
    return readdir(this.templates);
  }

  shownPath(name: string): string {
    return join(this.machines, name);
  }

  poolPath(name: string): string {
    return join(this.pool, name);
  }

  /** Shows a machine to the proxy, with its `machine.json`. At once: a student waits, and the thread pool would take longer. */
  async show(name: string, file: MachineFile): Promise<void> {
    const path = join(this.poolPath(name), MACHINE_FILE);
    writeFileSync(path, `${JSON.stringify(machineFileSchema.parse(file))}\n`, { flag: "wx", mode: 0o600 });
    renameSync(this.poolPath(name), this.shownPath(name));
  }

  /** Takes a shown machine out of sight. */
  async hide(name: string): Promise<void> {
    await rename(this.shownPath(name), this.poolPath(name));
  }

  /** Removes a machine's folder, wherever it is. */
  async remove(name: string): Promise<void> {
    await rm(join(this.shownPath(name), MACHINE_FILE), { force: true });
    await rm(this.shownPath(name), { recursive: true, force: true });
    await rm(this.poolPath(name), { recursive: true, force: true });
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
