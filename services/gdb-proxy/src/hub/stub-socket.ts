import { createConnection, type Socket } from "node:net";
import { Decoder, encodePacket, INTERRUPT_BYTE, NAK_BYTE } from "@ringside/rsp";
import { RingsideError } from "@ringside/shared";
import { STUB_CONNECT_MS, STUB_DAMAGED_PACKETS_MAX } from "../limits.ts";

export interface StubEvents {
  connected(): void;
  packet(payload: string): void;
  /** Once; nothing follows. machine_gone where there is no stub any more. */
  ended(error: RingsideError): void;
}

const ACK = Buffer.from("+");
const NAK = Buffer.of(NAK_BYTE);
const INTERRUPT = Buffer.of(INTERRUPT_BYTE);

/**
 * The socket of one stub: framing and acknowledgements. A packet that follows at once stands for the
 * acknowledgement of the one before (QEMU takes its `$` as `+`), which saves a write per packet.
 */
export class StubSocket {
  readonly #socket: Socket;
  readonly #events: StubEvents;
  readonly #decoder = new Decoder({ runLength: true });
  #ackOwed = false;
  /** Packets that were sent and not answered yet. */
  #underWay = 0;
  #damaged = 0;
  #open = true;

  constructor(path: string, events: StubEvents) {
    this.#events = events;
    this.#socket = createConnection(path);
    this.#socket.setTimeout(STUB_CONNECT_MS);
    this.#socket.on("timeout", () =>
      this.#end(new RingsideError("machine_unresponsive", { message: "The machine's stub takes no connection" })),
    );
    this.#socket.on("connect", () => {
      this.#socket.setTimeout(0);
      if (this.#open) events.connected();
    });
    this.#socket.on("data", (chunk) => this.#data(chunk));
    this.#socket.on("error", (cause) => this.#end(new RingsideError("machine_gone", { cause })));
    this.#socket.on("close", () => this.#end(new RingsideError("machine_gone")));
  }

  /** Sends a packet; the machine must be stopped. */
  send(payload: string): void {
    this.#ackOwed = false;
    this.#underWay += 1;
    this.#socket.write(encodePacket(payload));
  }

  /** Stops the running machine. */
  interrupt(): void {
    this.#socket.write(INTERRUPT);
  }

  /** Closes without a word; `ended` is not called. */
  close(): void {
    this.#open = false;
    this.#socket.destroy();
  }

  #data(chunk: Buffer): void {
    this.#decoder.push(chunk, (frame) => {
      if (!this.#open) return;
      if (frame.kind === "packet") {
        this.#ackOwed = true;
        this.#underWay = Math.max(0, this.#underWay - 1);
        this.#events.packet(frame.payload);
      } else if (frame.kind === "damaged") {
        this.#again();
      }
    });
    // The answers that are due stand for it.
    if (!this.#ackOwed || this.#underWay > 0 || !this.#open) return;
    this.#ackOwed = false;
    this.#socket.write(ACK);
  }

  /** QEMU repeats the last of its packets only. */
  #again(): void {
    this.#damaged += 1;
    if (this.#damaged <= STUB_DAMAGED_PACKETS_MAX && this.#underWay <= 1) this.#socket.write(NAK);
    else this.#end(new RingsideError("machine_unresponsive", { message: "The machine's stub sends broken packets" }));
  }

  #end(error: RingsideError): void {
    if (!this.#open) return;
    this.close();
    this.#events.ended(error);
  }
}
