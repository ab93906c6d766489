import { createServer, type Server, type Socket } from "node:net";
import { Decoder, encodePacket, NAK_BYTE, type Packet, parsePacket } from "@ringside/rsp";
import { RingsideError } from "@ringside/shared";
import { REPLAY_DAMAGED_PACKETS_MAX, REPLAY_GDB_PACKETS_MAX, REPLAY_GDB_UNREAD_BYTES_MAX } from "../limits.ts";
import type { ReplayedSession } from "./replayed-session.ts";

/** QEMU's own, without what sticks to the stub from one client to the next. */
const SUPPORTED = "PacketSize=1000;qXfer:features:read+;vContSupported+;ReverseStep+;ReverseContinue+";
const UNCHANGEABLE = "E.A recording is run again: registers and memory cannot be changed";
/** Hex: gdb prints it. */
const NO_MONITOR = Buffer.from("A recording is run again: there is no monitor\n").toString("hex");

/**
 * The door for one gdb at a time to a replayed machine, on a loopback port. gdb may look at everything and run
 * forward and backward; what would leave the recording (writes, jumps) or reach QEMU itself (`monitor`, `kill`) is
 * answered here. One packet is worked on at a time; a Ctrl-C stops the one that runs.
 */
export class GdbGate implements AsyncDisposable {
  readonly #server: Server;
  readonly #session: ReplayedSession;
  #client: Socket | null = null;

  private constructor(server: Server, session: ReplayedSession) {
    this.#server = server;
    this.#session = session;
  }

  /** Listens on `port` (0: any free one). @throws Error where that is taken */
  static async open(session: ReplayedSession, host: string, port: number): Promise<GdbGate> {
    const server = createServer({ noDelay: true });
    const gate = new GdbGate(server, session);
    server.on("connection", (socket) => gate.#admit(socket));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
    return gate;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client?.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #admit(socket: Socket): void {
    if (this.#client !== null) {
      socket.destroy();
      return;
    }
    this.#client = socket;
    const client = new GdbClient(socket, this.#session);
    socket.once("close", () => {
      // The next gdb must not find this one's breakpoints, nor the machine running.
      void client.leave().then(() => {
        this.#client = null;
      });
    });
  }
}

class GdbClient {
  readonly #socket: Socket;
  readonly #session: ReplayedSession;
  readonly #decoder = new Decoder({ runLength: false });
  readonly #waiting: string[] = [];
  #state: "idle" | "answering" | "running forward" = "idle";
  #working: Promise<void> = Promise.resolve();
  #damaged = 0;

  constructor(socket: Socket, session: ReplayedSession) {
    this.#socket = socket;
    this.#session = session;
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => this.#read(chunk));
  }

  /** Stops what runs and removes the breakpoints, as `?` does in QEMU. */
  async leave(): Promise<void> {
    this.#waiting.length = 0;
    if (this.#state === "running forward") this.#session.interrupt();
    await this.#working;
    await this.#session.link.ask("?").catch(() => undefined);
  }

  #read(chunk: Buffer): void {
    this.#decoder.push(chunk, (frame) => {
      if (frame.kind === "interrupt" && this.#state === "running forward") this.#session.interrupt();
      if (frame.kind === "damaged") this.#again();
      if (frame.kind !== "packet") return;
      this.#socket.write("+");
      if (this.#waiting.push(frame.payload) > REPLAY_GDB_PACKETS_MAX) this.#socket.destroy();
      if (this.#state === "idle") this.#working = this.#work();
    });
  }

  #again(): void {
    this.#damaged += 1;
    if (this.#damaged <= REPLAY_DAMAGED_PACKETS_MAX) this.#socket.write(Buffer.of(NAK_BYTE));
    else this.#socket.destroy();
  }

  async #work(): Promise<void> {
    for (let payload = this.#waiting.shift(); payload !== undefined; payload = this.#waiting.shift()) {
      this.#state = "answering";
      try {
        const reply = await this.#answer(payload, parsePacket(payload));
        if (reply === null) this.#socket.destroy();
        else this.#reply(reply);
      } catch (error) {
        if (error instanceof RingsideError && error.code === "conflict") this.#reply(`E.${error.message}`);
        else this.#socket.destroy(); // the machine is gone, or past help
      }
    }
    this.#state = "idle";
  }

  #reply(payload: string): void {
    if (this.#socket.writableLength > REPLAY_GDB_UNREAD_BYTES_MAX) this.#socket.destroy();
    else this.#socket.write(encodePacket(payload));
  }

  /** The answer to a packet; null ends the connection. */
  async #answer(payload: string, packet: Packet): Promise<string | null> {
    switch (packet.kind) {
      case "qSupported":
        return SUPPORTED;
      case "resume":
        return packet.at === null ? await this.#forward(payload) : UNCHANGEABLE;
      case "vCont":
        return await this.#forward(payload);
      case "reverse":
        return await this.#session.backward(payload);
      case "P":
      case "G":
      case "M":
      case "X":
        // An empty X is gdb's question whether there is one.
        return packet.kind === "X" ? "" : UNCHANGEABLE;
      case "D":
        this.#reply("OK");
        return null;
      case "k":
      case "vKill":
        return null;
      case "qRcmd":
        return NO_MONITOR;
      case "g":
      case "p":
      case "m":
      case "Z":
      case "z":
      case "H":
      case "T":
      case "qC":
      case "qfThreadInfo":
      case "qsThreadInfo":
      case "qThreadExtraInfo":
      case "?":
      case "qAttached":
      case "qXfer":
      case "vCont?":
        return await this.#session.link.ask(payload);
      default:
        return "";
    }
  }

  async #forward(payload: string): Promise<string> {
    this.#state = "running forward";
    return await this.#session.forward(payload);
  }
}
