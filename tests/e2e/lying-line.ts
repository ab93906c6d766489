import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { Decoder, encodePacket, type Frame } from "@ringside/rsp";

const ANSWER_BYTES_MAX = 1024 * 1024;

/** Changes an answer. @returns null where it is left as it is */
export type Lie = (question: string, answer: string) => string | null;

/** A relay between a gdb and a stub that tells one lie, once. */
export class LyingLine implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #lie: Lie;
  /** What was changed, and into what. */
  told: string | null = null;

  private constructor(server: Server, lie: Lie) {
    this.#server = server;
    this.#lie = lie;
  }

  /** @param to `host:port` of the stub */
  static async open(to: string, lie: Lie): Promise<LyingLine> {
    const server = createServer({ noDelay: true, pauseOnConnect: true });
    const line = new LyingLine(server, lie);
    const [host, port] = to.split(":");
    server.on("connection", (near) =>
      line.#carry(near, connect({ host: host ?? "", port: Number(port), noDelay: true })),
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return line;
  }

  get address(): string {
    const address = this.#server.address();
    return `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  }

  #carry(near: Socket, far: Socket): void {
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => other.destroy());
    }
    let question = "";
    const asked = new Decoder({ runLength: false });
    const answered = new Decoder({ runLength: true, bytesMax: ANSWER_BYTES_MAX });
    near.on("data", (chunk) => {
      asked.push(chunk, (frame) => {
        if (frame.kind === "packet") question = frame.payload;
      });
      far.write(chunk);
    });
    far.on("data", (chunk) => answered.push(chunk, (frame) => near.write(this.#bytesOf(frame, question))));
    near.resume();
  }

  #bytesOf(frame: Frame, question: string): Uint8Array {
    if (frame.kind === "ack") return Buffer.from("+");
    if (frame.kind !== "packet") throw new Error(`a stub does not send ${frame.kind}`);
    const lie = this.told === null ? this.#lie(question, frame.payload) : null;
    if (lie === null) return encodePacket(frame.payload);
    this.told = `${question}: ${frame.payload.slice(0, 200)} → ${lie.slice(0, 200)}`;
    return encodePacket(lie);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    if (this.#server.listening) await once(this.#server, "close");
  }
}
