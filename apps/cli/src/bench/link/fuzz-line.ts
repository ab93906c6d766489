import { once } from "node:events";
import { connect } from "node:net";
import { Decoder, encodePacket } from "@ringside/rsp";
import type { Api } from "../../api/calls.ts";
import { openWebSocket } from "../../near/websocket.ts";
import { settledWithin } from "../../settled.ts";

/** A connection that sends whatever it is told to, counts answers and looks out for one. */
export class FuzzLine implements Disposable {
  readonly #send: (bytes: Uint8Array) => void;
  readonly #cut: () => void;
  readonly #decoder = new Decoder({ runLength: true });
  #wake = Promise.withResolvers<void>();
  #awaited = { chars: -1, came: false };
  answers = 0;
  closed = false;

  private constructor(send: (bytes: Uint8Array) => void, cut: () => void) {
    this.#send = send;
    this.#cut = cut;
  }

  /** @throws CliError or Error where the cell refuses */
  static async open(way: "tcp" | "websocket", api: Api, session: string, signal: AbortSignal): Promise<FuzzLine> {
    if (way === "tcp") {
      const socket = connect({ ...(await api.tcpEntry(session)), noDelay: true });
      await once(socket, "connect");
      const line = new FuzzLine(
        (bytes) => socket.write(bytes),
        () => socket.destroy(),
      );
      socket.on("data", (chunk) => line.#heard(chunk));
      socket.on("error", () => line.#ended());
      socket.on("close", () => line.#ended());
      return line;
    }
    const socket = await openWebSocket(await api.ticket(session, "gdb"), signal);
    const line = new FuzzLine(
      (bytes) => socket.send(bytes, { binary: true }),
      () => socket.terminate(),
    );
    socket.on("message", (chunk: Buffer) => line.#heard(chunk));
    socket.on("close", () => line.#ended());
    socket.resume();
    return line;
  }

  send(bytes: Uint8Array): void {
    if (!this.closed) this.#send(bytes);
  }

  packet(payload: string): void {
    this.send(encodePacket(payload));
  }

  /** Waits for an answer of so many characters; false where it closes or does not come in time. */
  async untilAnswer(chars: number, timeoutMs: number): Promise<boolean> {
    this.#awaited = { chars, came: false };
    for (const deadline = Date.now() + timeoutMs; !this.#awaited.came && !this.closed; ) {
      if (!(await settledWithin(this.#wake.promise, Math.max(1, deadline - Date.now())))) break;
    }
    return this.#awaited.came;
  }

  #heard(chunk: Buffer): void {
    this.#decoder.push(chunk, (frame) => {
      if (frame.kind !== "packet") return;
      this.answers += 1;
      if (frame.payload.length === this.#awaited.chars) this.#awaited.came = true;
    });
    this.#notify();
  }

  #ended(): void {
    this.closed = true;
    this.#notify();
  }

  #notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  [Symbol.dispose](): void {
    this.#cut();
  }
}
