import type { Duplex } from "node:stream";
import { ACK_BYTE, Decoder, encodePacket, type Frame, NAK_BYTE, ProcessIds } from "@ringside/rsp";
import {
  NEAR_NAKS_MAX,
  NEAR_NOISE_BYTES_MAX,
  NEAR_PACKETS_PER_TURN_MAX,
  NEAR_PENDING_BYTES_MAX,
  NEAR_PENDING_PACKETS_MAX,
  NEAR_UNREAD_BYTES_MAX,
} from "../limits.ts";

/** Whoever answers gdb. */
export interface GdbPeer {
  readonly takesPackets: boolean;
  packet(payload: string): void;
  interrupt(): void;
  /** gdb has closed the connection, or was let go. Once; nothing follows. @param words why, where it was let go */
  left(words: string | undefined): void;
}

type Pending = { readonly kind: "packet"; readonly payload: string } | { readonly kind: "interrupt" };

/**
 * One gdb's byte stream: framing, acknowledgements until QStartNoAckMode, and the packets that wait for the peer.
 * What is held for a gdb is bounded by NEAR_PENDING_BYTES_MAX and, of what it does not read, by NEAR_UNREAD_BYTES_MAX
 * and one answer.
 */
export class GdbServer {
  readonly #stream: Duplex;
  readonly #peer: GdbPeer;
  readonly #decoder = new Decoder({ runLength: false });
  #pending: Pending[] = [];
  #pendingBytes = 0;
  readonly #ids = new ProcessIds();
  #acks: "sent" | "off" = "sent";
  #naks = 0;
  #lastFrame: Uint8Array = new Uint8Array();
  #pump: "idle" | "busy" | "later" = "idle";
  #state: "new" | "reading" | "held" | "closed" = "new";

  constructor(stream: Duplex, peer: GdbPeer) {
    this.#stream = stream;
    this.#peer = peer;
  }

  /** Begins to read. */
  start(): void {
    this.#state = "reading";
    this.#stream.on("data", (bytes: Buffer) => this.#data(bytes));
    this.#stream.on("drain", () => this.wake());
    for (const event of ["end", "close", "error"] as const) this.#stream.on(event, () => this.#close(undefined));
    // It was held until somebody listens.
    if (this.#stream.destroyed || this.#stream.readableEnded) this.#close(undefined);
    else this.#stream.resume();
  }

  /** True where something must wait: gdb does not read. */
  get isFull(): boolean {
    return this.#stream.writableLength > NEAR_UNREAD_BYTES_MAX;
  }

  /** Sends a reply's payload. */
  reply(payload: string): void {
    if (this.#state === "closed") return;
    this.#lastFrame = encodePacket(this.#ids.toGdb(payload));
    this.#stream.write(this.#lastFrame);
  }

  /** Lets gdb go. What was sent to it still arrives. */
  end(): void {
    this.#close(undefined);
  }

  /** Takes packets for as long as the peer takes them. */
  wake(): void {
    if (this.#pump !== "idle" || this.#state === "new") return;
    this.#pump = "busy";
    try {
      this.#takePending();
    } finally {
      if (this.#pump === "busy") this.#pump = "idle";
    }
    this.#readOrHold();
  }

  #data(bytes: Buffer): void {
    if (this.#state === "closed") return;
    this.#decoder.push(bytes, (frame) => this.#frame(frame));
    if (this.#decoder.ignoredBytes > NEAR_NOISE_BYTES_MAX) {
      this.#close("What has connected does not speak gdb's remote protocol.");
    }
    this.wake();
  }

  #frame(frame: Frame): void {
    if (this.#state === "closed") return;
    switch (frame.kind) {
      case "packet":
        if (this.#acks === "sent") this.#stream.write(Buffer.of(ACK_BYTE));
        if (frame.payload === "QStartNoAckMode") this.#acks = "off";
        this.#keep(frame, frame.payload.length);
        break;
      case "interrupt":
        // Several in a row are one.
        if (this.#pending.at(-1)?.kind !== "interrupt") this.#keep(frame, 1);
        break;
      case "nak":
        this.#sendAgain();
        break;
      case "damaged":
        if (this.#acks === "sent" && frame.why !== "too_long") this.#stream.write(Buffer.of(NAK_BYTE));
        else this.#close(`gdb sent a damaged packet (${frame.why}).`);
        break;
      case "ack":
      case "notification":
        break;
      default:
        frame satisfies never;
    }
  }

  #keep(pending: Pending, bytes: number): void {
    this.#pending.push(pending);
    this.#pendingBytes += bytes;
    if (this.#pendingBytes > NEAR_PENDING_BYTES_MAX) this.#close("gdb sent too many packets at once.");
  }

  #sendAgain(): void {
    this.#naks += 1;
    if (this.#naks > NEAR_NAKS_MAX) this.#close("Too many packets were damaged on the way to gdb.");
    else if (this.#lastFrame.length > 0) this.#stream.write(this.#lastFrame);
  }

  #takePending(): void {
    for (let turn = 0; this.#state !== "closed"; turn += 1) {
      const next = this.#pending[0];
      if (next === undefined || !this.#mayTake(next)) return;
      if (turn >= NEAR_PACKETS_PER_TURN_MAX) {
        this.#pump = "later";
        setImmediate(() => {
          this.#pump = "idle";
          this.wake();
        });
        return;
      }
      this.#pending.shift();
      this.#pendingBytes -= next.kind === "packet" ? next.payload.length : 1;
      if (next.kind === "packet") this.#peer.packet(this.#ids.fromGdb(next.payload));
      else this.#peer.interrupt();
    }
  }

  #mayTake(next: Pending): boolean {
    return next.kind === "interrupt" || (this.#peer.takesPackets && !this.isFull);
  }

  #readOrHold(): void {
    if (this.#state === "reading" && this.#pending.length >= NEAR_PENDING_PACKETS_MAX) {
      this.#state = "held";
      this.#stream.pause();
    } else if (this.#state === "held" && this.#pending.length < NEAR_PENDING_PACKETS_MAX / 2) {
      this.#state = "reading";
      this.#stream.resume();
    }
  }

  #close(words: string | undefined): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#stream.on("error", () => undefined);
    this.#stream.end();
    // gdb's own bytes that are still to come are nobody's.
    this.#stream.resume();
    this.#peer.left(words);
  }
}
