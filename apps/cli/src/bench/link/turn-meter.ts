/**
 * Counts turns on a line: how often the side beside gdb sent something after which it waits. A turn begins with a
 * request that goes up when the last thing that counted went down, so what goes up together is one turn.
 */
export interface TurnMeter {
  up(chunk: Uint8Array): void;
  down(chunk: Uint8Array): void;
  readonly turns: number;
}

const DOLLAR = 0x24;

/** For gdb's remote protocol: packets count, acks and interrupts do not. `$` stands in no packet's body. */
export class RspMeter implements TurnMeter {
  turns = 0;
  #waits = false;

  up(chunk: Uint8Array): void {
    if (this.#waits || !chunk.includes(DOLLAR)) return;
    this.#waits = true;
    this.turns += 1;
  }

  down(chunk: Uint8Array): void {
    if (chunk.includes(DOLLAR)) this.#waits = false;
  }
}

/** For a WebSocket: data messages count, the upgrade and control frames (pings) do not. */
export class WebSocketMeter implements TurnMeter {
  turns = 0;
  #waits = false;
  readonly #up = new FrameReader();
  readonly #down = new FrameReader();

  /** The upgrade's answer, headers only: tells which subprotocol is spoken. */
  get answer(): string {
    return this.#down.upgrade;
  }

  up(chunk: Uint8Array): void {
    if (!this.#up.sees(chunk) || this.#waits) return;
    this.#waits = true;
    this.turns += 1;
  }

  down(chunk: Uint8Array): void {
    if (this.#down.sees(chunk)) this.#waits = false;
  }
}

const HEAD_END = "\r\n\r\n";
const HEAD_CHARS_MAX = 16 * 1024;
const DATA_OPCODE_MAX = 2;

/** Finds where messages begin in one direction of a WebSocket (RFC 6455, section 5.2). Payloads are passed over. */
class FrameReader {
  #state: "head" | "frames" = "head";
  #head = "";
  #frame: number[] = [];
  #skip = 0;

  get upgrade(): string {
    return this.#head;
  }

  /** Whether a data frame begins in this chunk. */
  sees(chunk: Uint8Array): boolean {
    let at = this.#state === "head" ? this.#readHead(chunk) : 0;
    let data = false;
    while (at < chunk.length) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, chunk.length - at);
        this.#skip -= passed;
        at += passed;
        continue;
      }
      this.#frame.push(chunk[at] ?? 0);
      at += 1;
      const header = frameHeader(this.#frame);
      if (header === null) continue;
      if (header.opcode <= DATA_OPCODE_MAX) data = true;
      this.#skip = header.payloadBytes;
      this.#frame = [];
    }
    return data;
  }

  /** @returns where the frames begin in the chunk */
  #readHead(chunk: Uint8Array): number {
    const before = this.#head.length;
    const text = this.#head + Buffer.from(chunk).toString("latin1");
    const end = text.indexOf(HEAD_END);
    this.#head = text.slice(0, end < 0 ? HEAD_CHARS_MAX : end);
    if (end < 0) return chunk.length;
    this.#state = "frames";
    return end + HEAD_END.length - before;
  }
}

/** Null while the header is not complete. */
function frameHeader(bytes: readonly number[]): { readonly opcode: number; readonly payloadBytes: number } | null {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return null;
  const short = second & 0x7f;
  const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
  const maskBytes = second & 0x80 ? 4 : 0;
  if (bytes.length < 2 + lengthBytes + maskBytes) return null;
  const payloadBytes =
    lengthBytes === 0 ? short : bytes.slice(2, 2 + lengthBytes).reduce((sum, byte) => sum * 256 + byte, 0);
  return { opcode: first & 0x0f, payloadBytes };
}
