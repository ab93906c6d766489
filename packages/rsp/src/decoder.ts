import type { Frame, FrameDamage } from "./frame.ts";
import { PACKET_BYTES_MAX } from "./limits.ts";

/**
 * Bytes → Frames: the framing of gdb's remote serial protocol (gdb manual, "Overview" of appendix E).
 *
 *   outside ──$ or %──► body ──#──► first digit ──► second digit ──► outside
 *      ▲                 │ too long, bad escape, bad run                 │
 *      └──── # x x ── skipping ◄──────────────────────┘                 └─ sum wrong: damaged
 *
 * The checksum is over the raw bytes. `$` in a body, a digit or while skipping starts a new packet. 0x03 is an
 * interrupt outside a packet only. Only a stub's replies have run lengths: in gdb's packets `*` is data. A run repeats
 * the raw byte before it, also where that was escaped: gdb expands runs before it takes escapes away.
 * Nothing throws, frames may be split anywhere, and no more than `bytesMax` of a payload is ever held.
 */
export interface DecoderOptions {
  /** Expand `*` runs: true for what a stub sends. */
  readonly runLength: boolean;
  /** Longest payload, in bytes. */
  readonly bytesMax?: number;
}

const DOLLAR = 0x24;
const PERCENT = 0x25;
const HASH = 0x23;
const ESCAPE = 0x7d;
const STAR = 0x2a;
const PLUS = 0x2b;
const MINUS = 0x2d;
const INTERRUPT = 0x03;
/** A run's count is its byte minus this; 3 is the shortest run that the protocol allows. */
const RUN_BIAS = 29;
const RUN_MIN = 3;
const RUN_BYTE_MAX = 126;
const ESCAPE_XOR = 0x20;
const NO_DIGIT = -1;
const FIRST_HELD_BYTES = 512;

type State = "outside" | "body" | "escaped" | "run" | "digit1" | "digit2" | "skipping" | "skipped1" | "skipped2";

function digitOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : NO_DIGIT;
}

export class Decoder {
  readonly #runLength: boolean;
  readonly #bytesMax: number;
  #state: State = "outside";
  #kind: "packet" | "notification" = "packet";
  #held: Uint8Array;
  #length = 0;
  /** The body's last byte as it stood in the stream: what a run repeats. */
  #raw = 0;
  #sum = 0;
  #digit = 0;
  #ignored = 0;

  constructor(options: DecoderOptions) {
    this.#runLength = options.runLength;
    this.#bytesMax = options.bytesMax ?? PACKET_BYTES_MAX;
    this.#held = new Uint8Array(Math.min(FIRST_HELD_BYTES, this.#bytesMax));
  }

  /** Bytes that stood outside any packet and mean nothing there, since the beginning. */
  get ignoredBytes(): number {
    return this.#ignored;
  }

  /** Memory held for a payload, in bytes: never above the limit. */
  get heldBytes(): number {
    return this.#held.length;
  }

  /**
   * Takes the next bytes of the stream.
   * @param chunk any number of bytes
   * @param onFrame is called for each frame that ends in them, in order
   */
  push(chunk: Uint8Array, onFrame: (frame: Frame) => void): void {
    let at = 0;
    while (at < chunk.length) {
      const plain = this.#state === "body" ? this.#takePlain(chunk, at) : 0;
      at += plain;
      if (plain > 0 || at >= chunk.length) continue;
      const frame = this.#take(chunk[at] ?? 0);
      at += 1;
      if (frame !== null) onFrame(frame);
    }
  }

  /** Takes bytes of a body that stand for themselves, as far as they may be held. @returns how many */
  #takePlain(chunk: Uint8Array, from: number): number {
    const most = Math.min(chunk.length, from + this.#bytesMax - this.#length);
    const isRun = this.#runLength ? STAR : HASH;
    let sum = this.#sum;
    let at = from;
    for (; at < most; at += 1) {
      const byte = chunk[at] ?? 0;
      if (byte === HASH || byte === DOLLAR || byte === ESCAPE || byte === isRun) break;
      sum += byte;
    }
    if (at === from) return 0;
    this.#sum = sum;
    this.#raw = chunk[at - 1] ?? 0;
    const length = this.#length + at - from;
    this.#makeRoom(length);
    this.#held.set(chunk.subarray(from, at), this.#length);
    this.#length = length;
    return at - from;
  }

  #take(byte: number): Frame | null {
    if (this.#state === "outside") return this.#outside(byte);
    if (byte === DOLLAR) return this.#restart();
    switch (this.#state) {
      case "body":
        return this.#body(byte);
      case "escaped":
        this.#sum += byte;
        if (byte === HASH) return this.#damage("escape", "skipped1");
        this.#state = "body";
        this.#raw = byte;
        return this.#append(byte ^ ESCAPE_XOR, 1);
      case "run":
        return this.#run(byte);
      case "digit1":
        this.#digit = digitOf(byte);
        this.#state = "digit2";
        return null;
      case "digit2":
        return this.#finish(digitOf(byte));
      case "skipping":
        if (byte === HASH) this.#state = "skipped1";
        return null;
      case "skipped1":
        this.#state = "skipped2";
        return null;
      case "skipped2":
        this.#state = "outside";
        return null;
      default:
        return this.#state satisfies never;
    }
  }

  #outside(byte: number): Frame | null {
    switch (byte) {
      case DOLLAR:
        this.#begin("packet");
        return null;
      case PERCENT:
        this.#begin("notification");
        return null;
      case PLUS:
        return { kind: "ack" };
      case MINUS:
        return { kind: "nak" };
      case INTERRUPT:
        return { kind: "interrupt" };
      default:
        this.#ignored += 1;
        return null;
    }
  }

  #begin(kind: "packet" | "notification"): void {
    this.#kind = kind;
    this.#state = "body";
    this.#length = 0;
    this.#sum = 0;
  }

  /** `$` before a packet's end. What was skipped has been reported as damaged before. */
  #restart(): Frame | null {
    const reported = this.#state === "skipping" || this.#state === "skipped1" || this.#state === "skipped2";
    this.#begin("packet");
    return reported ? null : { kind: "damaged", why: "restarted" };
  }

  #body(byte: number): Frame | null {
    if (byte === HASH) {
      this.#state = "digit1";
      return null;
    }
    this.#sum += byte;
    if (byte === ESCAPE) {
      this.#state = "escaped";
      return null;
    }
    if (byte === STAR && this.#runLength) {
      this.#state = "run";
      return null;
    }
    this.#raw = byte;
    return this.#append(byte, 1);
  }

  #run(byte: number): Frame | null {
    this.#sum += byte;
    const count = byte - RUN_BIAS;
    if (byte === HASH) return this.#damage("run_length", "skipped1");
    if (count < RUN_MIN || byte > RUN_BYTE_MAX || this.#length === 0) return this.#damage("run_length", "skipping");
    this.#state = "body";
    return this.#append(this.#raw, count);
  }

  #append(byte: number, count: number): Frame | null {
    const length = this.#length + count;
    if (length > this.#bytesMax) return this.#damage("too_long", "skipping");
    this.#makeRoom(length);
    if (count === 1) this.#held[this.#length] = byte;
    else this.#held.fill(byte, this.#length, length);
    this.#length = length;
    return null;
  }

  #makeRoom(length: number): void {
    if (length <= this.#held.length) return;
    const grown = new Uint8Array(Math.min(this.#bytesMax, Math.max(length, this.#held.length * 2)));
    grown.set(this.#held.subarray(0, this.#length));
    this.#held = grown;
  }

  #damage(why: FrameDamage, next: State): Frame {
    this.#state = next;
    this.#length = 0;
    return { kind: "damaged", why };
  }

  #finish(digit: number): Frame {
    const good = this.#digit !== NO_DIGIT && digit !== NO_DIGIT && this.#digit * 16 + digit === (this.#sum & 0xff);
    if (!good) return this.#damage("checksum", "outside");
    this.#state = "outside";
    return { kind: this.#kind, payload: textOf(this.#held.subarray(0, this.#length)) };
  }
}

/** One character per byte. */
function textOf({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString("latin1");
}
