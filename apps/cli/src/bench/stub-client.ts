import { createConnection, type NetConnectOpts, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Decoder } from "@ringside/rsp";
import { BENCH_REPLY_BYTES_MAX, BENCH_STEP_MS } from "../limits.ts";
import { settledWithin } from "../settled.ts";

/** The least gdb client that can set a breakpoint and wait for it: one packet at a time, with acks. */
export class StubClient implements Disposable {
  readonly #socket: Socket;
  #received = "";
  #wake = Promise.withResolvers<void>();

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      this.#received = (this.#received + text).slice(-BENCH_REPLY_BYTES_MAX);
      this.#notify();
    });
    socket.on("error", () => this.#notify());
    socket.on("close", () => this.#notify());
  }

  /** Connects and greets; a QEMU that just started may not listen yet. */
  static async connect(to: NetConnectOpts): Promise<StubClient> {
    const deadline = Date.now() + BENCH_STEP_MS;
    for (;;) {
      const socket = createConnection(to);
      const failed = await new Promise<Error | undefined>((resolve) => {
        socket.once("connect", () => resolve(undefined));
        socket.once("error", resolve);
      });
      if (failed === undefined) return StubClient.#greet(socket);
      if (Date.now() > deadline) throw failed;
      await sleep(1);
    }
  }

  static async #greet(socket: Socket): Promise<StubClient> {
    socket.setNoDelay(true);
    const client = new StubClient(socket);
    await client.ask("qSupported:swbreak+;hwbreak+");
    await client.ask("?");
    return client;
  }

  #notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }

  /** Sends a packet and gives its reply's payload. @throws Error without a reply in time */
  async ask(packet: string): Promise<string> {
    this.#received = "";
    const sum = Array.from(packet).reduce((total, character) => total + character.charCodeAt(0), 0) % 256;
    this.#socket.write(Buffer.from(`$${packet}#${sum.toString(16).padStart(2, "0")}`, "latin1"));
    const deadline = Date.now() + BENCH_STEP_MS;
    for (;;) {
      const wake = this.#wake.promise;
      const reply = firstPacket(this.#received);
      if (reply !== null) {
        this.#socket.write("+");
        return reply;
      }
      if (this.#socket.destroyed) throw new Error(`the stub closed the connection at ${packet}`);
      if (!(await settledWithin(wake, deadline - Date.now()))) throw new Error(`the stub does not answer ${packet}`);
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

function firstPacket(received: string): string | null {
  let payload: string | null = null;
  new Decoder({ runLength: true }).push(Buffer.from(received, "latin1"), (frame) => {
    if (frame.kind === "packet") payload ??= frame.payload;
  });
  return payload;
}
