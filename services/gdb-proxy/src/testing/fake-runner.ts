import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import {
  CELL_LINK_PATH,
  CELL_LINK_SOCKET,
  type CellLinkRequest,
  cellLinkRequestSchema,
  ERRORS,
  RingsideError,
  type SavedState,
  type SessionRecording,
} from "@ringside/shared";
import { FakeMachine } from "./fake-machine.ts";

const wrapped = (cause: unknown) => new RingsideError("internal", { message: String(cause) });

/** A runner without QEMU: it hears what the proxy asks on the cell's socket, and moves fake machines about. */
export class FakeRunner implements AsyncDisposable {
  readonly asked: CellLinkRequest[] = [];
  readonly machines = new Map<string, FakeMachine>();
  readonly asleep = new Map<string, FakeMachine>();
  recordings: readonly SessionRecording[] = [];
  /** What the next requests of a kind fail with. */
  readonly failures = new Map<CellLinkRequest["do"], RingsideError>();
  /** Done in place of what a fake does. */
  readonly instead = new Map<CellLinkRequest["do"], (request: CellLinkRequest) => Promise<unknown>>();
  /** Awaited before each answer. */
  before: (request: CellLinkRequest) => Promise<void> = async () => undefined;
  readonly #runDirectory: string;
  readonly #server: Server;

  private constructor(runDirectory: string) {
    this.#runDirectory = runDirectory;
    this.#server = createServer((request, response) => {
      let text = "";
      request.on("data", (bytes) => {
        text += String(bytes);
      });
      request.on("end", () => this.#take(request.url ?? "", text, response));
    });
  }

  static async start(runDirectory: string): Promise<FakeRunner> {
    const runner = new FakeRunner(runDirectory);
    await mkdir(runDirectory, { recursive: true });
    runner.#server.listen(join(runDirectory, CELL_LINK_SOCKET));
    await once(runner.#server, "listening");
    return runner;
  }

  async startMachine(options: Parameters<typeof FakeMachine.start>[1] = {}): Promise<FakeMachine> {
    const machine = await FakeMachine.start(this.#runDirectory, options);
    this.machines.set(machine.session, machine);
    return machine;
  }

  /** The session's machine as it is now. */
  machine(session: string): FakeMachine {
    const machine = this.machines.get(session);
    if (machine === undefined) throw new Error("no machine is awake");
    return machine;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    for (const machine of this.machines.values()) await machine[Symbol.asyncDispose]();
  }

  #take(url: string, text: string, response: ServerResponse): void {
    const request = cellLinkRequestSchema.parse(JSON.parse(text));
    this.asked.push(request);
    this.#answer(url, request).then(
      (answer) => response.end(JSON.stringify(answer)),
      (cause: unknown) => {
        const { code, message } = cause instanceof RingsideError ? cause : wrapped(cause);
        response.statusCode = ERRORS[code].status;
        response.end(JSON.stringify({ code, message, requestId: "00000000-0000-4000-8000-000000000000" }));
      },
    );
  }

  async #answer(url: string, request: CellLinkRequest): Promise<unknown> {
    if (url !== CELL_LINK_PATH) throw new RingsideError("not_found");
    await this.before(request);
    const failure = this.failures.get(request.do);
    if (failure !== undefined) throw failure;
    const instead = this.instead.get(request.do);
    if (instead !== undefined) return instead(request);
    switch (request.do) {
      case "hibernate": {
        const machine = this.machine(request.session);
        this.machines.delete(request.session);
        this.asleep.set(request.session, machine);
        await machine.die();
        await machine.folder.remove();
        return { bytes: 1_000 };
      }
      case "wake":
        return this.#wake(request);
      case "save":
        return this.#saved(request.name);
      case "fork":
        return { bytes: 2_000 };
      case "forget":
        return {};
      case "list":
        return { states: [this.#saved("first")] };
      case "finish":
        return { recordings: this.recordings };
      case "nudge":
        return { nudged: true };
      default:
        return request satisfies never;
    }
  }

  async #wake({ session, run }: Extract<CellLinkRequest, { do: "wake" }>): Promise<unknown> {
    const before = this.asleep.get(session);
    if (before === undefined) throw new RingsideError("session_not_ready");
    this.asleep.delete(session);
    const file = { from: "hibernated" as const, consoleStart: "" };
    const machine = await this.startMachine({ session, epoch: before.folder.epoch, file, runs: run === "as-before" });
    return { machine: machine.folder.machine, awakeAlready: false };
  }

  #saved(name: string): SavedState {
    return { name, bytes: 3_000, savedAt: "2030-01-01T00:00:00.000Z" };
  }
}
