import {
  ACK_BYTE,
  Decoder,
  encodeNotification,
  encodePacket,
  type Frame,
  INTERRUPT_BYTE,
  NAK_BYTE,
} from "@ringside/rsp";
import { RELAYED_PACKET_BYTES_MAX } from "./limits.ts";

/** What has gone through, by kind of frame. */
export interface FrameCounts {
  readonly packets: number;
  readonly notifications: number;
  readonly interrupts: number;
  /** Acks and naks. */
  readonly acknowledgements: number;
  readonly damaged: number;
  /** Bytes outside any frame: they are dropped. */
  readonly strayBytes: number;
}

export const NO_FRAMES: FrameCounts = {
  packets: 0,
  notifications: 0,
  interrupts: 0,
  acknowledgements: 0,
  damaged: 0,
  strayBytes: 0,
};

export function addFrames(a: FrameCounts, b: FrameCounts): FrameCounts {
  return {
    packets: a.packets + b.packets,
    notifications: a.notifications + b.notifications,
    interrupts: a.interrupts + b.interrupts,
    acknowledgements: a.acknowledgements + b.acknowledgements,
    damaged: a.damaged + b.damaged,
    strayBytes: a.strayBytes + b.strayBytes,
  };
}

/** What the bytes of one side become. */
export interface Recoded {
  /** For the other side. */
  readonly onward: Uint8Array;
  /** For the sender: a nak for each damaged packet. */
  readonly back: Uint8Array;
}

/** One direction of a connection: every frame is decoded and then encoded anew, in the order in which it came. */
export class Recoder {
  readonly #decoder: Decoder;
  #counts: FrameCounts = NO_FRAMES;

  /** @param from whose bytes they are: only a stub's packets have run lengths */
  constructor(from: "gdb" | "stub") {
    this.#decoder = new Decoder({ runLength: from === "stub", bytesMax: RELAYED_PACKET_BYTES_MAX });
  }

  get counts(): FrameCounts {
    return { ...this.#counts, strayBytes: this.#decoder.ignoredBytes };
  }

  /** Takes the next bytes of the stream, split anywhere. */
  push(chunk: Uint8Array): Recoded {
    const onward: Uint8Array[] = [];
    let naks = 0;
    this.#decoder.push(chunk, (frame) => {
      this.#count(frame);
      if (frame.kind === "damaged") naks += 1;
      else onward.push(encoded(frame));
    });
    return { onward: Buffer.concat(onward), back: Buffer.alloc(naks, NAK_BYTE) };
  }

  #count({ kind }: Frame): void {
    const counts = this.#counts;
    switch (kind) {
      case "packet":
        this.#counts = { ...counts, packets: counts.packets + 1 };
        return;
      case "notification":
        this.#counts = { ...counts, notifications: counts.notifications + 1 };
        return;
      case "interrupt":
        this.#counts = { ...counts, interrupts: counts.interrupts + 1 };
        return;
      case "ack":
      case "nak":
        this.#counts = { ...counts, acknowledgements: counts.acknowledgements + 1 };
        return;
      case "damaged":
        this.#counts = { ...counts, damaged: counts.damaged + 1 };
        return;
      default:
        kind satisfies never;
    }
  }
}

function encoded(frame: Exclude<Frame, { kind: "damaged" }>): Uint8Array {
  switch (frame.kind) {
    case "packet":
      return encodePacket(frame.payload);
    case "notification":
      return encodeNotification(frame.payload);
    case "interrupt":
      return Uint8Array.of(INTERRUPT_BYTE);
    case "ack":
      return Uint8Array.of(ACK_BYTE);
    case "nak":
      return Uint8Array.of(NAK_BYTE);
    default:
      return frame satisfies never;
  }
}
