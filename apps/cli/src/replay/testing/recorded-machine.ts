import { constants, openSync } from "node:fs";
import { chmod, copyFile, type FileHandle, mkdtemp, open, readFile, rm } from "node:fs/promises";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Confinement,
  type MachinePlace,
  preparePlace,
  prewarm,
  RECORDING_FILE,
  type Template,
  TemplateStore,
} from "@ringside/emulator";
import { cacheDirectory, findImage, type Image, imagePath, loadImage } from "@ringside/image";
import { CONSOLE_PIPES, newId, STUB_SOCKET } from "@ringside/shared";
import type { ReplayScript, ReplayStep } from "@ringside/trace";
import { REPLAY_USER_ID_MIN } from "../../limits.ts";
import { StubLink } from "../stub-link.ts";

/** A recorded listen lesson, made on a real machine for the tests of running it again. */
export interface RecordedMachine extends AsyncDisposable {
  readonly image: Image;
  readonly template: Template;
  readonly script: ReplayScript;
  readonly log: string;
  /** Address of __sys_listen, hex. */
  readonly listen: string;
  /** What the debugger wrote into memory, and where: hex. */
  readonly written: { readonly address: string; readonly data: string };
  readonly place: () => MachinePlace;
}

export const PARAMETERS = { backlog: 17, port: 5001 };
/** The stub's number of rsi: the second argument, listen's backlog. */
const BACKLOG_WRITE = "P4=0900000000000000";
const ECHO_MS_MAX = 15_000;
const STEPS = 3;

/** Records: a stop at listen, a write to a register and one to memory, some steps, and what the program then prints. */
export async function recordListenLesson(environment: NodeJS.ProcessEnv): Promise<RecordedMachine> {
  const folder = await mkdtemp(join(tmpdir(), "rs-rec-"));
  await chmod(folder, 0o711);
  let users = 0;
  const confinement = (): Confinement => {
    users += 1;
    return { kind: "jail", userId: process.getuid?.() === 0 ? REPLAY_USER_ID_MIN - users : undefined };
  };
  const place = (): MachinePlace => {
    const name = newId("mch");
    return { name, folder: join(folder, name), confinement: confinement(), group: null };
  };
  const image = await courseImage(environment);
  const store = new TemplateStore({
    ...{ cacheFolder: join(folder, "cache"), workFolder: folder, confinement: confinement() },
  });
  const template = await store.get(
    { ...image.manifest, kernel: imagePath(image, "kernel"), initrd: imagePath(image, "initrd") },
    64,
  );
  const log = join(folder, "kept.log");
  const listen = await addressOf(image, "__sys_listen");
  const recorded = await record(place(), template, listen, log);
  return {
    ...{ image, template, log, listen, place, ...recorded },
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function courseImage(environment: NodeJS.ProcessEnv): Promise<Image> {
  const found = await findImage(cacheDirectory(environment), "linux-x86_64");
  if (found === null) throw new Error("the course image linux-x86_64 is not built: run ./ringside image build");
  return loadImage(found);
}

async function addressOf(image: Image, name: string): Promise<string> {
  const lines = (await readFile(imagePath(image, "symbols"), "utf8")).split("\n");
  return lines.find((line) => line.endsWith(` ${name}`))?.split(" ")[0] ?? "";
}

async function record(
  place: MachinePlace,
  template: Template,
  listen: string,
  log: string,
): Promise<Pick<RecordedMachine, "script" | "written">> {
  await preparePlace(place);
  const prewarmed = await prewarm({ place, template, recording: true });
  await using machine = await prewarmed.load({ parameters: PARAMETERS, run: false });
  await using console = await TypedConsole.open(place.folder, machine.consoleStart);
  using link = await StubLink.open(join(place.folder, STUB_SOCKET));
  const steps: ReplayStep[] = [];
  const icount = async () => Number(/= (\d+)\s*$/.exec(await monitor(link, "info replay"))?.[1]);
  const stopped = async () => {
    steps.push({ kind: "stop", seq: steps.length + 1, icount: await icount(), registers: await link.ask("g") });
  };
  const write = async (data: string) => {
    steps.push({ kind: "write", seq: steps.length + 1, icount: await icount(), data });
    if ((await link.ask(data)) !== "OK") throw new Error(`the stub refuses ${data}`);
  };
  await stopped();
  await link.ask(`Z1,${listen},1`);
  link.send("c");
  await console.type("help\n");
  await console.shows("comes back\r\nMenuOS>>");
  await console.type("replyhi\n");
  await link.next();
  await stopped();
  await write(BACKLOG_WRITE);
  // Below the stack: nobody else looks there before the next call.
  const registers = await link.ask("g");
  const address = (Buffer.from(registers.slice(7 * 16, 8 * 16), "hex").readBigUInt64LE() - 0x400n).toString(16);
  const written = { address, data: "c0ffee" };
  await write(`M${address},3:${written.data}`);
  for (let i = 0; i < STEPS; i += 1) {
    link.send("s");
    await link.next();
    await stopped();
  }
  await link.ask(`z1,${listen},1`);
  link.send("c");
  await console.shows("hello...\r\nMenuOS>>");
  link.interrupt();
  await link.next();
  await stopped();
  link[Symbol.dispose]();
  await machine.quit();
  await copyFile(join(place.folder, RECORDING_FILE), log);
  const script: ReplayScript = {
    ...{ epoch: 1, template: template.contents, steps, consoleLostAt: null, uncounted: 0, recording: null },
    ...{ console: [{ seq: 1, data: console.text }], from: 0, to: steps.length },
  };
  return { script, written };
}

/** HMP over the stub, as a cell asks for the instruction count. */
async function monitor(link: StubLink, command: string): Promise<string> {
  let text = "";
  let reply = await link.ask(`qRcmd,${Buffer.from(command).toString("hex")}`);
  for (; reply !== "OK"; reply = await link.next()) text += Buffer.from(reply.slice(1), "hex").toString("latin1");
  return text;
}

/** Types at a recorded machine: one character at a time, each after the echo of the one before. */
class TypedConsole implements AsyncDisposable {
  readonly #input: FileHandle;
  readonly #output: Socket;
  text: string;

  private constructor(input: FileHandle, output: Socket, start: string) {
    this.#input = input;
    this.#output = output;
    this.text = start;
    output.on("data", (chunk: Buffer) => {
      this.text += chunk.toString("latin1");
    });
  }

  static async open(folder: string, start: string): Promise<TypedConsole> {
    const input = await open(join(folder, CONSOLE_PIPES.input), constants.O_WRONLY | constants.O_NONBLOCK);
    const fd = openSync(join(folder, CONSOLE_PIPES.output), constants.O_RDONLY | constants.O_NONBLOCK);
    return new TypedConsole(input, new Socket({ fd, readable: true, writable: false }), start);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#output.destroy();
    await this.#input.close();
  }

  async type(line: string): Promise<void> {
    for (const character of line) {
      const before = this.text.length;
      await this.#input.write(character);
      await this.#until(() => this.text.length > before);
    }
  }

  shows(words: string): Promise<void> {
    return this.#until(() => this.text.includes(words));
  }

  async #until(there: () => boolean): Promise<void> {
    const end = performance.now() + ECHO_MS_MAX;
    while (!there()) {
      if (performance.now() > end) throw new Error(`the console says only ${JSON.stringify(this.text.slice(-100))}`);
      await sleep(1);
    }
  }
}
