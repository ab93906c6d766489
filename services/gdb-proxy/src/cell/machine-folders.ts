import { type FSWatcher, watch } from "node:fs";
import { mkdir, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  CONSOLE_PIPES,
  CONSOLE_SOCKET,
  MACHINE_FILE,
  MACHINES_FOLDER,
  type MachineFile,
  machineFileSchema,
  SOCKET_PATH_BYTES_MAX,
  STUB_SOCKET,
} from "@ringside/shared";
import type { Logger } from "pino";
import type { ConsolePlace } from "../console/console-line.ts";
import { MACHINE_FILE_BYTES_MAX, MACHINES_MAX, MACHINES_POLL_MS, MACHINES_POLL_SOON_MS } from "../limits.ts";

export interface FoundMachine {
  readonly file: MachineFile;
  readonly stubPath: string;
  readonly console: ConsolePlace;
}

/** Session → its machine with the highest epoch. */
export type FoundMachines = ReadonlyMap<string, FoundMachine>;

/**
 * Finds the machines of the cell in `<run>/m`: by watching the folder, and by looking every second because a
 * watch may miss things. A machine is there from the moment its machine.json is.
 */
export class MachineFolders implements AsyncDisposable {
  readonly #root: string;
  readonly #log: Logger;
  readonly #changed: (found: FoundMachines) => void;
  readonly #known = new Map<string, FoundMachine>();
  #watcher: FSWatcher | null = null;
  #timer: NodeJS.Timeout | null = null;
  #scan: Promise<void> | null = null;
  /** The look after the one under way, shared by all who asked meanwhile. */
  #next: Promise<void> | null = null;
  #state: "open" | "closed" = "open";
  #unfinished = false;

  /** @param changed is called after every look, with all machines that are there */
  constructor(runDirectory: string, log: Logger, changed: (found: FoundMachines) => void) {
    this.#root = join(runDirectory, MACHINES_FOLDER);
    this.#log = log;
    this.#changed = changed;
  }

  async start(): Promise<void> {
    await mkdir(this.#root, { recursive: true });
    this.#watcher = watch(this.#root, () => this.#lookSoon(MACHINES_POLL_SOON_MS));
    this.#watcher.on("error", (error) => this.#log.warn({ err: error }, "watching the machines' folder failed"));
    await this.look();
  }

  /** Looks, beginning after this call: a look that is under way may have passed what has just come. */
  async look(): Promise<void> {
    if (this.#scan === null) {
      this.#scan = this.#scanOnce();
      await this.#scan;
      return;
    }
    this.#next ??= this.#scan.then(
      () => this.#again(),
      () => this.#again(),
    );
    await this.#next;
  }

  async #again(): Promise<void> {
    this.#next = null;
    await this.look();
  }

  async #scanOnce(): Promise<void> {
    try {
      await this.#look();
    } finally {
      this.#scan = null;
      this.#lookSoon(this.#unfinished ? MACHINES_POLL_SOON_MS : MACHINES_POLL_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = "closed";
    this.#watcher?.close();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await Promise.allSettled([this.#scan, this.#next]);
  }

  #lookSoon(ms: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#state === "closed" || this.#scan !== null) return;
    this.#timer = setTimeout(() => {
      this.look().catch((error: unknown) => this.#log.error({ err: error }, "looking for machines failed"));
    }, ms);
  }

  async #look(): Promise<void> {
    const names = new Set(await readdir(this.#root));
    for (const name of this.#known.keys()) if (!names.has(name)) this.#known.delete(name);
    this.#unfinished = false;
    // A machine's name is never used again, and what it was announced with never changes.
    const strangers = [...names].filter((name) => !this.#known.has(name));
    for (const name of strangers.slice(0, MACHINES_MAX)) await this.#lookAt(name);
    const best = new Map<string, FoundMachine>();
    for (const machine of this.#known.values()) {
      const other = best.get(machine.file.session);
      if (other === undefined || other.file.epoch < machine.file.epoch) best.set(machine.file.session, machine);
    }
    if (this.#state === "open") this.#changed(best);
  }

  async #lookAt(name: string): Promise<void> {
    const folder = join(this.#root, name);
    try {
      await using file = await open(join(folder, MACHINE_FILE), "r");
      const { size } = await file.stat();
      if (size > MACHINE_FILE_BYTES_MAX) throw new Error("machine.json is too large");
      const machine = machineFileSchema.parse(JSON.parse(await file.readFile("utf8")));
      if (machine.machine !== name) throw new Error("machine.json is another machine's");
      const stubPath = join(folder, STUB_SOCKET);
      const consolePath = join(folder, CONSOLE_SOCKET);
      const pipes = { input: join(folder, CONSOLE_PIPES.input), output: join(folder, CONSOLE_PIPES.output) };
      const place: ConsolePlace = machine.recording
        ? { kind: "pipes", ...pipes }
        : { kind: "socket", path: consolePath };
      if (Buffer.byteLength(consolePath) > SOCKET_PATH_BYTES_MAX)
        throw new Error("the run directory's path is too long");
      this.#known.set(name, { file: machine, stubPath, console: place });
    } catch (error) {
      this.#known.delete(name);
      if ((error as NodeJS.ErrnoException).code === "ENOENT") this.#unfinished = true;
      else this.#log.warn({ err: error, folder: name }, "a machine's folder was passed over");
    }
  }
}
