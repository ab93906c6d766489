import type { Socket } from "node:net";
import { RingsideError } from "@ringside/shared";
import { CLOSE_GRACE_MS, PING_MS } from "../limits.ts";
import { StallWatch, type Transport, type TransportEvents } from "./transport.ts";

/** A plain TCP connection: `target remote HOST:PORT`. It cannot say why it closes. */
export class TcpTransport implements Transport {
  readonly via = "tcp";
  readonly #socket: Socket;
  readonly #stall: StallWatch;
  readonly #sent: () => void;
  #events: TransportEvents | null = null;
  #ending: string | null = null;

  /** @param socket accepted with pauseOnConnect, so that nothing is lost before start() */
  constructor(socket: Socket, stallMs?: number) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, PING_MS);
    this.#stall = new StallWatch(() => this.end(new RingsideError("client_stalled")), stallMs);
    this.#sent = () => {
      this.#stall.progressed(this.#socket.writableLength);
      if (this.#socket.writableLength === 0) this.#events?.drained();
    };
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  start(events: TransportEvents): void {
    this.#events = events;
    this.#socket.on("data", (bytes) => {
      if (this.#ending === null) events.data(bytes);
    });
    this.#socket.on("error", (error) => {
      this.#ending ??= error.message;
    });
    this.#socket.on("close", () => {
      this.#stall.stop();
      events.closed((this.#ending ?? "the client closed").slice(0, 100));
    });
    this.#socket.resume();
  }

  send(bytes: Uint8Array): void {
    if (this.#ending !== null) return;
    this.#socket.write(bytes, this.#sent);
    this.#stall.sent(this.#socket.writableLength);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(error: RingsideError): void {
    if (this.#ending !== null) return;
    this.#ending = error.code;
    this.#stall.stop();
    this.#socket.resume();
    this.#socket.end();
    const grace = setTimeout(() => this.#socket.destroy(), CLOSE_GRACE_MS);
    this.#socket.once("close", () => clearTimeout(grace));
  }
}
