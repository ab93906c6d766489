import { once } from "node:events";
import { type AddressInfo, createConnection, createServer, type Socket } from "node:net";
import { ACK_BYTE, Decoder, encodePacket, INTERRUPT_BYTE } from "@ringside/rsp";

/** A test's gdb: one end of a TCP connection, in the protocol's words. */
export class GdbEnd implements Disposable {
  readonly socket: Socket;
  readonly #decoder = new Decoder({ runLength: true });
  readonly #replies: string[] = [];
  #wake = Promise.withResolvers<void>();
  acks = 0;
  naks = 0;
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      this.#decoder.push(bytes, (frame) => {
        if (frame.kind === "packet") this.#replies.push(frame.payload);
        if (frame.kind === "ack") this.acks += 1;
        if (frame.kind === "nak") this.naks += 1;
      });
      this.#ring();
    });
    socket.on("close", () => {
      this.closed = true;
      this.#ring();
    });
  }

  /** Connects to a port of loopback. */
  static async connect(port: number): Promise<GdbEnd> {
    const socket = createConnection(port, "127.0.0.1");
    await once(socket, "connect");
    return new GdbEnd(socket);
  }

  send(payload: string): void {
    this.socket.write(encodePacket(payload));
  }

  ack(): void {
    this.socket.write(Buffer.of(ACK_BYTE));
  }

  interrupt(): void {
    this.socket.write(Buffer.of(INTERRUPT_BYTE));
  }

  /** The next packet from the other side. @throws Error where it closes instead */
  async reply(): Promise<string> {
    for (;;) {
      const reply = this.#replies.shift();
      if (reply !== undefined) return reply;
      if (this.closed) throw new Error("the connection was closed");
      await this.#wake.promise;
    }
  }

  async ask(payload: string): Promise<string> {
    this.send(payload);
    return await this.reply();
  }

  /** Until the other side has closed. */
  async end(): Promise<void> {
    while (!this.closed) await this.#wake.promise;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #ring(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}

/** Both ends of a TCP connection: gdb's and ours. */
export async function gdbPair(): Promise<{ gdb: GdbEnd; local: Socket }> {
  const server = createServer({ pauseOnConnect: true, noDelay: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection");
  const gdb = await GdbEnd.connect((server.address() as AddressInfo).port);
  const [local] = (await accepted) as [Socket];
  server.close();
  return { gdb, local };
}
