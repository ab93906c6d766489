import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  cloneMachine,
  MachineGroups,
  type MachinePlace,
  machineLimits,
  preparePlace,
  TemplateStore,
} from "@ringside/emulator";
import { type Image, imagePath } from "@ringside/image";
import { newId, type Parameters } from "@ringside/shared";
import type { Context } from "../../context.ts";
import { BENCH_STEP_MS, CONSOLE_KEPT_CHARS } from "../../limits.ts";
import { settledWithin } from "../../settled.ts";
import { cacheFolder } from "../../setup/image.ts";

/** A machine's console, whatever carries it. */
export interface BenchConsole {
  readonly send: (text: string) => void;
  /** Waits for a text in what has not been consumed. @throws Error where it does not come */
  readonly expect: (text: string, timeoutMs: number) => Promise<unknown>;
}

/** A machine with nothing between its stub and whoever connects. */
export interface DirectMachine extends AsyncDisposable {
  readonly stubPath: string;
  readonly console: BenchConsole;
}

const MEMORY_MIB = 64;

/** Clones of the very template that a box's sessions on this machine start from, held back as those are. */
export class DirectMachines implements AsyncDisposable {
  readonly #work: string;
  readonly #store: TemplateStore;
  readonly #groups: MachineGroups;
  readonly #image: Image;

  private constructor(work: string, store: TemplateStore, groups: MachineGroups, image: Image) {
    this.#work = work;
    this.#store = store;
    this.#groups = groups;
    this.#image = image;
  }

  static async open(context: Context, image: Image): Promise<DirectMachines> {
    const work = await mkdtemp(join(tmpdir(), "rs-direct-"));
    await chmod(work, 0o711);
    await mkdir(join(work, "t"));
    const store = new TemplateStore({
      cacheFolder: cacheFolder(context),
      workFolder: join(work, "t"),
      confinement: { kind: "none" },
    });
    const groups = await MachineGroups.open({ cell: `direct-${process.pid}` });
    return new DirectMachines(work, store, groups, image);
  }

  /** Starts one with a session's parameters. */
  async start(parameters: Parameters): Promise<DirectMachine> {
    const { digest, arch, commandLine, prompt } = this.#image.manifest;
    const [kernel, initrd] = [imagePath(this.#image, "kernel"), imagePath(this.#image, "initrd")];
    const template = await this.#store.get({ digest, arch, commandLine, prompt, kernel, initrd }, MEMORY_MIB);
    const name = newId("mch");
    const group = await this.#groups.create(name, machineLimits(MEMORY_MIB));
    const place: MachinePlace = { name, folder: join(this.#work, name), confinement: { kind: "none" }, group };
    await preparePlace(place);
    const machine = await cloneMachine({ place, template, parameters, run: true });
    const console = new DirectConsole(connect(join(place.folder, "console.sock")));
    const close = async () => {
      console[Symbol.dispose]();
      await machine.stop();
      await group.remove();
    };
    return { stubPath: join(place.folder, "gdb.sock"), console, [Symbol.asyncDispose]: close };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
    await this.#groups[Symbol.asyncDispose]();
    await rm(this.#work, { recursive: true, force: true });
  }
}

class DirectConsole implements BenchConsole, Disposable {
  readonly #socket: Socket;
  #unread = "";
  #wake = Promise.withResolvers<void>();

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.setEncoding("latin1").on("data", (text: string) => {
      this.#unread = (this.#unread + text).slice(-CONSOLE_KEPT_CHARS);
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    });
  }

  send(text: string): void {
    this.#socket.write(text);
  }

  async expect(text: string, timeoutMs = BENCH_STEP_MS): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (let at = this.#unread.indexOf(text); at < 0; at = this.#unread.indexOf(text)) {
      if (!(await settledWithin(this.#wake.promise, deadline - Date.now()))) {
        throw new Error(`the console shows ${JSON.stringify(this.#unread.slice(-200))}, not ${text}`);
      }
    }
    this.#unread = this.#unread.slice(this.#unread.indexOf(text) + text.length);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
