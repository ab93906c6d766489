import { createConnection, type Socket } from "node:net";
import { within } from "@ringside/emulator";
import { Decoder, encodePacket, INTERRUPT_BYTE, NAK_BYTE } from "@ringside/rsp";
import { RingsideError } from "@ringside/shared";
import { REPLAY_DAMAGED_PACKETS_MAX, REPLAY_STUB_MS, REPLAY_STUB_PACKETS_MAX } from "../limits.ts";

/**
 * One conversation with a stub of our own: a packet, its answer, the next packet. Stop replies come of the stub's own
 * accord, also when the machine was set running past it: whoever runs the machine takes them with `next`.
 */
export class StubLink implements Disposable {
  readonly #socket: Socket;
  readonly #decoder = new Decoder({ runLength: true });
  readonly #packets: string[] = [];
  #taker: PromiseWithResolvers<string> | null = null;
  #lost: RingsideError | null = null;
  #damaged = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", (cause) => this.#lose(new RingsideError("machine_gone", { cause })));
    socket.on("close", () => this.#lose(new RingsideError("machine_gone", { message: "the stub is gone" })));
  }

  /**
   * Connects to the stub of a stopped machine and greets it as the recording's cell did, so that its registers come
   * in the same layout: `P` and the long form of `g` are there once target.xml was read.
   */
  static async open(path: string, signal?: AbortSignal): Promise<StubLink> {
    const link = new StubLink(createConnection(path));
    try {
      await link.ask("qSupported:xmlRegisters=i386", signal);
      await link.ask("?", signal);
      await link.ask("qXfer:features:read:target.xml:0,ffb", signal);
      return link;
    } catch (error) {
      link[Symbol.dispose]();
      throw error;
    }
  }

  /** Sends a packet and gives its answer's payload. @throws RingsideError machine_gone, machine_unresponsive */
  async ask(payload: string, signal?: AbortSignal): Promise<string> {
    this.send(payload);
    return await within(this.next(), { timeoutMs: REPLAY_STUB_MS, signal }, "the stub", "machine_unresponsive");
  }

  send(payload: string): void {
    this.#socket.write(encodePacket(payload));
  }

  /** Stops the running machine. */
  interrupt(): void {
    this.#socket.write(Buffer.of(INTERRUPT_BYTE));
  }

  /** The next packet, whenever it comes; one taker at a time. */
  next(): Promise<string> {
    const waiting = this.#packets.shift();
    if (waiting !== undefined) return Promise.resolve(waiting);
    if (this.#lost !== null) return Promise.reject(this.#lost);
    this.#taker ??= Promise.withResolvers<string>();
    this.#taker.promise.catch(() => undefined);
    return this.#taker.promise;
  }

  [Symbol.dispose](): void {
    this.#lose(new RingsideError("machine_gone", { message: "the connection to the stub was closed" }));
  }

  #read(chunk: Buffer): void {
    this.#decoder.push(chunk, (frame) => {
      if (frame.kind === "packet") this.#take(frame.payload);
      else if (frame.kind === "damaged") this.#again();
    });
  }

  #take(payload: string): void {
    this.#socket.write("+");
    const taker = this.#taker;
    this.#taker = null;
    if (taker !== null) taker.resolve(payload);
    else if (this.#packets.push(payload) > REPLAY_STUB_PACKETS_MAX) {
      this.#lose(new RingsideError("machine_unresponsive", { message: "the stub sends more than was asked" }));
    }
  }

  #again(): void {
    this.#damaged += 1;
    if (this.#damaged <= REPLAY_DAMAGED_PACKETS_MAX) this.#socket.write(Buffer.of(NAK_BYTE));
    else this.#lose(new RingsideError("machine_unresponsive", { message: "the stub sends broken packets" }));
  }

  #lose(error: RingsideError): void {
    if (this.#lost !== null) return;
    this.#lost = error;
    this.#socket.destroy();
    this.#taker?.reject(error);
    this.#taker = null;
  }
}
