import { LINK_PROTOCOL, MESSAGE_BYTES_MAX, PageReceiver, pageHeadsOf, readFar } from "@ringside/link";
import { PROXY_PATHS } from "@ringside/shared";
import type { WebSocket } from "ws";
import type { Api } from "../../api/calls.ts";
import { openWebSocket } from "../../near/websocket.ts";
import { settledWithin } from "../../settled.ts";
import type { FuzzMessage } from "./fuzz-messages.ts";

/** The near end of a link that sends whatever it is told to, and reads every answer as a near agent would. */
export class FuzzNear implements Disposable {
  readonly #socket: WebSocket;
  readonly #receiver = new PageReceiver();
  #wake = Promise.withResolvers<void>();
  #lastAnswered = 0;
  answers = 0;
  /** Messages of the cell that are none of the protocol's. */
  faults = 0;
  /** Why it was refused. */
  refused: string | null = null;
  closed = false;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => this.#heard(data));
    socket.on("close", () => {
      this.closed = true;
      this.#notify();
    });
    socket.resume();
  }

  /** @throws CliError or Error where the cell refuses */
  static async open(api: Api, session: string, signal: AbortSignal): Promise<FuzzNear> {
    const { url, ticket } = await api.ticket(session, "gdb");
    const at = new URL(url);
    at.pathname = PROXY_PATHS.link(session);
    const protocol = { protocol: LINK_PROTOCOL, bytesMax: MESSAGE_BYTES_MAX, unknown: () => new Error("no link here") };
    return new FuzzNear(await openWebSocket({ url: at.href, ticket }, signal, protocol));
  }

  send({ bytes, packed }: Pick<FuzzMessage, "bytes" | "packed">): void {
    if (!this.closed) this.#socket.send(bytes, { binary: typeof bytes !== "string", compress: packed });
  }

  /** Waits for the answer of an id; false where it closes or does not come in time. */
  async untilAnswer(id: number, timeoutMs: number): Promise<boolean> {
    for (const deadline = Date.now() + timeoutMs; this.#lastAnswered < id && !this.closed; ) {
      if (!(await settledWithin(this.#wake.promise, Math.max(1, deadline - Date.now())))) break;
    }
    return this.#lastAnswered >= id;
  }

  /** Waits for the end; false where it does not come in time. */
  async untilClosed(timeoutMs: number): Promise<boolean> {
    for (const deadline = Date.now() + timeoutMs; !this.closed; ) {
      if (!(await settledWithin(this.#wake.promise, Math.max(1, deadline - Date.now())))) break;
    }
    return this.closed;
  }

  #heard(data: Buffer): void {
    try {
      const { message, bytes } = readFar(data);
      this.#receiver.take(pageHeadsOf(message), bytes);
      if (!("id" in message)) return;
      this.answers += 1;
      this.#lastAnswered = message.id;
      if (message.type === "refused") this.refused = message.code;
      this.#notify();
    } catch {
      this.faults += 1;
    }
  }

  #notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  [Symbol.dispose](): void {
    this.#socket.terminate();
  }
}
