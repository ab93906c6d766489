import { closeCodeFor, RingsideError } from "@ringside/shared";
import type { WebSocket } from "ws";
import { CLOSE_GRACE_MS, LINK_RTT_SAMPLES_MAX, PING_MS, PINGS_MISSED_MAX } from "../limits.ts";
import { StallWatch, type Transport, type TransportEvents } from "./transport.ts";

/** RFC 6455: a control frame carries 125 bytes, two of them the code. */
const REASON_BYTES_MAX = 123;
const UNSUPPORTED_DATA = 1003;
const NO_CLOSE_FRAME = 1006;

/** Closes a WebSocket with an error's code and text, and cuts it off if the peer does not answer. */
export function closeWebSocket(ws: WebSocket, code: number, text: string): void {
  const reason = Buffer.from(text).subarray(0, REASON_BYTES_MAX).toString().replace(/�+$/, "");
  ws.close(code, reason);
  const grace = setTimeout(() => ws.terminate(), CLOSE_GRACE_MS);
  ws.once("close", () => clearTimeout(grace));
}

/** Bytes in binary frames, each of which arrives whole, with pings so that a dead peer is found. */
export class WebSocketTransport implements Transport {
  readonly via = "websocket";
  readonly #ws: WebSocket;
  readonly #stall: StallWatch;
  readonly #sent: () => void;
  #events: TransportEvents | null = null;
  #ending: string | null = null;
  #pingsMissed = 0;
  #pingedAtMs = 0;
  /** The last round trips; what else this process does makes some look longer. */
  #roundTripsMs: readonly number[] = [];

  constructor(ws: WebSocket, stallMs?: number) {
    this.#ws = ws;
    this.#stall = new StallWatch(() => this.end(new RingsideError("client_stalled")), stallMs);
    this.#sent = () => {
      this.#stall.progressed(this.#ws.bufferedAmount);
      if (this.#ws.bufferedAmount === 0) this.#events?.drained();
    };
  }

  get unsentBytes(): number {
    return this.#ws.bufferedAmount;
  }

  /** How long a message and its answer are on the way, in ms; null while it is not known. */
  get roundTripMs(): number | null {
    return this.#roundTripsMs.length === 0 ? null : Math.min(...this.#roundTripsMs);
  }

  start(events: TransportEvents): void {
    this.#events = events;
    const ping = setInterval(() => this.#ping(), PING_MS);
    this.#ws.on("pong", () => {
      this.#pingsMissed = 0;
      this.#roundTripsMs = [...this.#roundTripsMs, performance.now() - this.#pingedAtMs].slice(-LINK_RTT_SAMPLES_MAX);
      // The first one found both ends busy with beginning.
      if (this.#roundTripsMs.length < LINK_RTT_SAMPLES_MAX) this.#ping();
    });
    this.#ping();
    this.#ws.on("message", (data: Buffer, isBinary) => {
      if (this.#ending !== null) return;
      this.#pingsMissed = 0;
      if (isBinary) events.data(data);
      else this.#close(UNSUPPORTED_DATA, "send binary frames");
    });
    this.#ws.on("error", (error) => {
      this.#ending ??= error.message;
    });
    const closed = (code: number) => {
      clearInterval(ping);
      this.#stall.stop();
      events.closed((this.#ending ?? `the client closed (${code})`).slice(0, 100));
    };
    if (this.#ws.readyState === this.#ws.CLOSED) setImmediate(closed, NO_CLOSE_FRAME);
    else this.#ws.on("close", closed);
  }

  /** @param compress whether to, where the peer has agreed to it */
  send(bytes: Uint8Array, compress = false): void {
    if (this.#ending !== null) return;
    this.#ws.send(bytes, { binary: true, compress }, this.#sent);
    this.#stall.sent(this.#ws.bufferedAmount);
  }

  pause(): void {
    this.#ws.pause();
  }

  resume(): void {
    this.#ws.resume();
  }

  end(error: RingsideError): void {
    this.#close(closeCodeFor(error.code), error.message, error.code);
  }

  #close(code: number, text: string, why = text): void {
    if (this.#ending !== null) return;
    this.#ending = why;
    this.#stall.stop();
    this.#ws.resume();
    closeWebSocket(this.#ws, code, text);
  }

  #ping(): void {
    if (this.#ending !== null) return;
    if (this.#pingsMissed >= PINGS_MISSED_MAX) {
      this.#ending = "no answer to pings";
      this.#ws.terminate();
      return;
    }
    // A paused socket does not see pongs: its stalls have a limit of their own.
    if (!this.#ws.isPaused) this.#pingsMissed += 1;
    this.#pingedAtMs = performance.now();
    this.#ws.ping();
  }
}
