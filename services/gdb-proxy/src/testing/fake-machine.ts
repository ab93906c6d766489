import { once } from "node:events";
import { constants, openSync } from "node:fs";
import { createServer, type Server, Socket } from "node:net";
import { join } from "node:path";
import { Decoder, encodePacket } from "@ringside/rsp";
import { CONSOLE_PIPES, type MachineFile } from "@ringside/shared";
import { TestMachineFolder } from "./machine-folder.ts";
import { StubModel } from "./stub-model.ts";

/** What a stub does with a packet instead of answering it well. */
export type Behaviour = "good" | "silent" | "garbage" | "endless-output" | "giant";

/** A machine without QEMU: a stub and a console behind real sockets, for what a real one cannot be made to do. */
export class FakeMachine implements AsyncDisposable {
  readonly folder: TestMachineFolder;
  readonly stub: StubModel;
  readonly typed: Buffer[] = [];
  behaviour: Behaviour = "good";
  stubConnections = 0;
  /** Bytes of the stub's side, so that a test can say what never arrived. */
  readonly received: Buffer[] = [];
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #stubSocket: Socket | null = null;
  #consoleSocket: Socket | null = null;

  private constructor(folder: TestMachineFolder, runs: boolean) {
    this.folder = folder;
    this.stub = new StubModel(runs);
  }

  static async start(
    runDirectory: string,
    options: {
      readonly session?: string;
      readonly epoch?: number;
      readonly file?: Partial<MachineFile>;
      readonly runs?: boolean;
      /** Makes a named pipe: then the console is on pipes, as a recorded machine's is. */
      readonly makePipe?: (path: string) => void;
    } = {},
  ): Promise<FakeMachine> {
    const machine = new FakeMachine(
      await TestMachineFolder.make(runDirectory, options.session, options.epoch),
      options.runs ?? true,
    );
    await machine.#listen(machine.folder.stubPath, (socket) => machine.#serveStub(socket));
    if (options.makePipe !== undefined) machine.#openPipes(options.makePipe);
    else await machine.#listen(machine.folder.consolePath, (socket) => machine.#serveConsole(socket));
    await machine.folder.publish(options.file);
    return machine;
  }

  get session(): string {
    return this.folder.session;
  }

  /** The guest writes to its console; false where the proxy does not take it. */
  print(bytes: Buffer | string): boolean {
    return this.#consoleSocket?.write(bytes) ?? false;
  }

  get consoleIsAttached(): boolean {
    return this.#consoleSocket !== null;
  }

  /** Bytes of output that the proxy has not drained yet. */
  get undrained(): number {
    return this.#consoleSocket?.writableLength ?? 0;
  }

  /** The machine stops by itself. */
  stop(reply?: string): void {
    this.stub.stop(reply);
    this.#flush();
  }

  /** The process ends: no socket answers any more, the folder stays. */
  async die(): Promise<void> {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.map((server) => (server.listening ? once(server, "close") : undefined)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.die();
  }

  async #listen(path: string, serve: (socket: Socket) => void): Promise<void> {
    const server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => this.#sockets.delete(socket));
      serve(socket);
    });
    this.#servers.push(server);
    server.listen(path);
    await once(server, "listening");
  }

  /** As QEMU has them: both ends of both. */
  #openPipes(makePipe: (path: string) => void): void {
    const [input, output] = [CONSOLE_PIPES.input, CONSOLE_PIPES.output].map((name) => {
      const path = join(this.folder.folder, name);
      makePipe(path);
      const direction = { readable: name === CONSOLE_PIPES.input, writable: name === CONSOLE_PIPES.output };
      const socket = new Socket({ fd: openSync(path, constants.O_RDWR | constants.O_NONBLOCK), ...direction });
      this.#sockets.add(socket);
      return socket;
    });
    input?.on("data", (bytes) => this.typed.push(bytes));
    this.#consoleSocket = output ?? null;
  }

  #serveConsole(socket: Socket): void {
    this.#consoleSocket = socket;
    socket.on("data", (bytes) => this.typed.push(bytes));
  }

  #serveStub(socket: Socket): void {
    this.#stubSocket = socket;
    this.stubConnections += 1;
    const decoder = new Decoder({ runLength: true });
    this.stub.connect();
    this.#flush();
    socket.on("data", (bytes) => {
      this.received.push(bytes);
      decoder.push(bytes, (frame) => {
        if (frame.kind === "interrupt") this.stub.interrupt();
        else if (frame.kind === "packet") this.#packet(socket, frame.payload);
      });
      this.#flush();
    });
  }

  #packet(socket: Socket, payload: string): void {
    switch (this.behaviour) {
      case "good":
        socket.write("+");
        this.stub.packet(payload);
        break;
      case "silent":
        break;
      case "garbage":
        socket.write("$OK#00".repeat(1_000));
        break;
      case "giant":
        socket.write(`$${"a".repeat(1_000_000)}#00`);
        break;
      case "endless-output":
        socket.write(Buffer.concat(Array.from({ length: 200 }, () => encodePacket("O4142"))));
        break;
      default:
        this.behaviour satisfies never;
    }
  }

  #flush(): void {
    for (const answer of this.stub.answers.splice(0)) this.#stubSocket?.write(encodePacket(answer));
  }
}
