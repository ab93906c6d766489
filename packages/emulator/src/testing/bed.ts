import { chmod, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cacheDirectory, findImage, imagePath, loadImage } from "@ringside/image";
import { cloneMachine } from "../clone.ts";
import type { Confinement } from "../jail.ts";
import { JAIL_USER_ID_MIN } from "../limits.ts";
import type { Machine } from "../machine.ts";
import { type MachinePlace, preparePlace } from "../machine-place.ts";
import type { OpenedState } from "../saved-state.ts";
import type { Template } from "../template.ts";
import { type TemplateImage, TemplateStore, type TemplateStoreOptions } from "../template-store.ts";

/** Real machines of the course image for tests: a template, clones of it, and hands for console and stub. */
export interface Bed extends AsyncDisposable {
  readonly folder: string;
  readonly image: TemplateImage;
  readonly template: Template;
  readonly store: TemplateStore;
  readonly storeOptions: TemplateStoreOptions;
  /** Address of `__sys_listen`, in hex. */
  readonly listenAddress: string;
  readonly newPlace: () => Promise<MachinePlace>;
  readonly clone: (how?: { readonly state?: OpenedState; readonly run?: boolean }) => Promise<Clone>;
  readonly stub: (place: MachinePlace) => Promise<Stub>;
}

export interface Clone {
  readonly machine: Machine;
  readonly place: MachinePlace;
  readonly console: Console;
}

export const PARAMETERS = { backlog: 17, port: 5001, payload: "hi" };
const WAIT_MS = 10_000;
const POLL_MS = 10;
const FIRST_USER = 900;

/** A jail as production has it, with a user of its own where we are root. */
export function testJailOf(slot: number): Confinement {
  return { kind: "jail", userId: process.getuid?.() === 0 ? JAIL_USER_ID_MIN + FIRST_USER + slot : undefined };
}

/** The course image, which `./ringside test` has built. @throws Error that says how where it is not there */
export async function courseImage(
  environment: NodeJS.ProcessEnv,
): Promise<{ readonly image: TemplateImage; readonly symbols: string }> {
  const found = await findImage(cacheDirectory(environment), "linux-x86_64");
  if (found === null) throw new Error("the course image linux-x86_64 is not built: run ./ringside image build");
  const loaded = await loadImage(found);
  const { digest, arch, commandLine, prompt } = loaded.manifest;
  const [kernel, initrd] = [imagePath(loaded, "kernel"), imagePath(loaded, "initrd")];
  return { image: { digest, arch, commandLine, prompt, kernel, initrd }, symbols: imagePath(loaded, "symbols") };
}

/** @param environment tells where the images are, as cacheDirectory reads it */
export async function openBed(environment: NodeJS.ProcessEnv): Promise<Bed> {
  await using stack = new AsyncDisposableStack();
  const { image, symbols } = await courseImage(environment);
  const folder = await mkdtemp(join(tmpdir(), "rs-emu-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o711);
  await mkdir(join(folder, "t"), { mode: 0o711 });
  const storeOptions = {
    cacheFolder: join(folder, "cache"),
    workFolder: join(folder, "t"),
    confinement: testJailOf(0),
  };
  const store = stack.use(new TemplateStore(storeOptions));
  const template = await store.get(image, 64);
  const listenAddress = /^([0-9a-f]+) [tT] __sys_listen$/m.exec(await readFile(symbols, "utf8"))?.[1] ?? "";
  const all = stack.move();
  let count = 0;
  const newPlace = async () => {
    count += 1;
    const name = `test-${process.pid}-${count}`;
    const place = { name, folder: join(folder, name), confinement: testJailOf(count), group: null };
    await preparePlace(place);
    return place;
  };
  const clone: Bed["clone"] = async ({ state, run = true } = {}) => {
    const place = await newPlace();
    const what = { place, template, parameters: PARAMETERS, run, ...(state === undefined ? {} : { state }) };
    const machine = all.use(await cloneMachine(what));
    return { machine, place, console: all.use(new Console(join(place.folder, "console.sock"))) };
  };
  const stub = (place: MachinePlace) => Stub.connect(join(place.folder, "gdb.sock"));
  const close = () => all.disposeAsync();
  return {
    folder,
    image,
    template,
    store,
    storeOptions,
    listenAddress,
    newPlace,
    clone,
    stub,
    [Symbol.asyncDispose]: close,
  };
}

/** A console client: types, and waits for text. */
export class Console implements Disposable {
  readonly #socket: Socket;
  #seen = "";

  constructor(path: string) {
    this.#socket = connect(path);
    this.#socket.on("error", () => undefined);
    this.#socket.on("data", (chunk: Buffer) => {
      this.#seen += chunk.toString("latin1");
    });
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  /** Types a line and gives what was shown from then until `until`. @throws Error where that does not come */
  async type(line: string, until: string): Promise<string> {
    this.#seen = "";
    this.write(`${line}\n`);
    return this.shows(until);
  }

  /** What was shown since the last line was typed, once `until` is in it. @throws Error where that does not come */
  async shows(until: string): Promise<string> {
    for (const end = performance.now() + WAIT_MS; !this.#seen.includes(until); await sleep(POLL_MS)) {
      if (performance.now() > end) throw new Error(`the console shows ${JSON.stringify(this.#seen)}, not ${until}`);
    }
    return this.#seen;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

/** The least client of a stub: one packet at a time. */
export class Stub implements Disposable {
  readonly #socket: Socket;
  #seen = "";

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      this.#seen += chunk.toString("latin1");
    });
  }

  static async connect(path: string): Promise<Stub> {
    const stub = new Stub(connect(path));
    await stub.ask("qSupported");
    await stub.ask("?");
    return stub;
  }

  /** Sends a packet and gives its reply. @throws Error where none comes */
  async ask(packet: string): Promise<string> {
    this.#seen = "";
    const sum = Array.from(packet).reduce((total, character) => total + character.charCodeAt(0), 0) % 256;
    this.#socket.write(`$${packet}#${sum.toString(16).padStart(2, "0")}`);
    for (const end = performance.now() + WAIT_MS; performance.now() < end; await sleep(1)) {
      const reply = /\$([^#]*)#[0-9a-f]{2}/.exec(this.#seen)?.[1];
      if (reply === undefined) continue;
      this.#socket.write("+");
      return reply;
    }
    throw new Error(`the stub does not answer ${packet}`);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
