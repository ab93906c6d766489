import { once } from "node:events";
import type { Socket } from "node:net";
import { Decoder, encodePacket, INTERRUPT_BYTE } from "@ringside/rsp";
import type { WebSocket } from "ws";
import { GDB_PACKET_BYTES } from "../limits.ts";

interface Carrier {
  write(bytes: Uint8Array): void;
  close(): void;
  onData(take: (bytes: Uint8Array) => void): void;
  closed: Promise<{ code: number; reason: string }>;
}

/** A gdb in no-ack mode, over whatever carries it. */
export class RspClient {
  readonly #carrier: Carrier;
  readonly #replies: string[] = [];
  /** What came with the last stop: `n:value;` for each register. */
  stopRegisters = "";
  #wanted: (() => void) | null = null;

  private constructor(carrier: Carrier) {
    this.#carrier = carrier;
    const decoder = new Decoder({ runLength: true, bytesMax: GDB_PACKET_BYTES });
    carrier.onData((bytes) =>
      decoder.push(bytes, (frame) => {
        if (frame.kind !== "packet") return;
        this.#replies.push(this.#withoutRegisters(frame.payload));
        this.#wanted?.();
      }),
    );
  }

  static over(ws: WebSocket): RspClient {
    const closed = once(ws, "close").then(([code, reason]) => ({ code: Number(code), reason: String(reason) }));
    return new RspClient({
      write: (bytes) => {
        if (ws.readyState === ws.CONNECTING) ws.once("open", () => ws.send(bytes));
        else ws.send(bytes);
      },
      close: () => ws.close(),
      onData: (take) => ws.on("message", (bytes: Buffer) => take(bytes)),
      closed,
    });
  }

  static overTcp(socket: Socket): RspClient {
    return new RspClient({
      write: (bytes) => socket.write(bytes),
      close: () => socket.end(),
      onData: (take) => socket.on("data", take),
      closed: once(socket, "close").then(() => ({ code: 0, reason: "" })),
    });
  }

  /** A stop's registers are kept apart from it, as gdb does. */
  #withoutRegisters(payload: string): string {
    if (!payload.startsWith("T")) return payload;
    this.stopRegisters = /(?:;)((?:[0-9a-f]{2}:[0-9a-f]+;)+)$/.exec(payload)?.[1] ?? "";
    return payload.slice(0, payload.length - this.stopRegisters.length);
  }

  get closed(): Promise<{ code: number; reason: string }> {
    return this.#carrier.closed;
  }

  async start(): Promise<this> {
    await this.ask("QStartNoAckMode");
    return this;
  }

  /** Hangs up. */
  close(): void {
    this.#carrier.close();
  }

  send(payload: string): void {
    this.#carrier.write(encodePacket(payload));
  }

  interrupt(): void {
    this.#carrier.write(Uint8Array.of(INTERRUPT_BYTE));
  }

  async ask(payload: string): Promise<string> {
    this.send(payload);
    return this.reply();
  }

  /** The next reply, or a failure when the connection closes first. */
  async reply(): Promise<string> {
    if (this.#replies.length === 0) {
      const came = new Promise<void>((resolve) => {
        this.#wanted = resolve;
      });
      await Promise.race([
        came,
        this.closed.then(({ code, reason }) => {
          throw new Error(`closed: ${code} ${reason}`);
        }),
      ]);
    }
    return this.#replies.shift() ?? "";
  }
}
