import {
  encodeFrame,
  FIRST_PACKETS_MAX,
  type NearMessage,
  NOTED_PACKETS_MAX,
  PAGE_BYTES,
  PAYLOAD_BYTES_MAX,
  READ_PAGES_MAX,
  STEPS_AHEAD_MAX,
} from "@ringside/link";
import type { Dice } from "./fuzz-dice.ts";
import { type FuzzPackets, mayLeave, mayRun } from "./fuzz-packets.ts";

/** A message for the link's far end. */
export interface FuzzMessage {
  /** Text messages and packed ones are none of the protocol's, or none that is small. */
  readonly bytes: Uint8Array | string;
  readonly packed: boolean;
  /** `asks`: the id is answered. `tells`: nothing comes of it. `wrong`: the link may end by it. */
  readonly kind: "asks" | "tells" | "wrong";
  readonly after: "goes on" | "runs" | "leaves";
  readonly packets: number;
}

type Head = Readonly<Record<string, unknown>>;

/** One of so many is no message of the protocol, or comes at the wrong moment. */
const WRONG_ONCE_IN = 24;
const LIMITS_ONCE_IN = 400;
const BOMB_BYTES = 1024 * 1024;
const DEEP = 50_000;

/** A near agent's messages: by the protocol, at its bounds, and damaged in every way. The seed repeats them. */
export class FuzzMessages {
  readonly #dice: Dice;
  readonly #packets: FuzzPackets;

  constructor(dice: Dice, packets: FuzzPackets) {
    this.#dice = dice;
    this.#packets = packets;
  }

  /** The first of a gdb's: now and then one that says that it was attached before. */
  attach(id: number): FuzzMessage {
    const again = this.#dice.once(4)
      ? {
          inserted: this.#list(this.#dice.once(20) ? FIRST_PACKETS_MAX : 6),
          awaits: this.#dice.once(2) ? "vCont;c" : null,
        }
      : null;
    return framed({ type: "attach", id, again }, "asks", again?.awaits == null ? "goes on" : "runs");
  }

  /** The next message while nothing is awaited. @param id the next that is free */
  next(id: number): FuzzMessage {
    if (this.#dice.once(WRONG_ONCE_IN)) return this.#wrong(id);
    if (this.#dice.once(LIMITS_ONCE_IN)) return this.#atItsBound(id);
    return this.#good(id);
  }

  #good(id: number): FuzzMessage {
    const dice = this.#dice;
    const noted = () => (dice.once(3) ? this.#list(12) : []);
    switch (dice.below(14)) {
      case 0:
        return framed({ type: "interrupt" }, "tells");
      case 1:
        return framed({ type: "noted", noted: [this.#packets.payload(), ...noted()] }, "tells");
      case 2: {
        const [name, took] = [dice.below(4), 1 + dice.below(STEPS_AHEAD_MAX - 1)];
        return framed({ type: "back", name, took, noted: noted() }, "tells");
      }
      case 3: {
        const ahead = { name: dice.below(4), steps: 2 + dice.below(STEPS_AHEAD_MAX - 1) };
        const last = dice.pick(["vCont;s:1", "s", "vCont;s:p1.1;c", this.#packets.payload()]);
        return framed({ type: "packets", id, noted: noted(), first: [], last, ahead }, "asks", "runs", 1);
      }
      case 4:
      case 5:
      case 6: {
        const pages = Array.from({ length: 1 + dice.below(8) }, () => this.#page());
        return framed({ type: "read", id, noted: noted(), pages }, "asks");
      }
      default:
        return this.#request(
          id,
          Array.from({ length: dice.below(20) }, () => this.#packets.quietPayload()),
          noted(),
        );
    }
  }

  #request(id: number, first: string[], noted: string[]): FuzzMessage {
    const last = this.#packets.payload();
    const all = [...first, last];
    const after = all.some(mayLeave) ? "leaves" : all.some(mayRun) ? "runs" : "goes on";
    return framed({ type: "packets", id, noted, first, last }, "asks", after, all.length);
  }

  /** As much of everything as the protocol allows. */
  #atItsBound(id: number): FuzzMessage {
    const first = Array.from({ length: FIRST_PACKETS_MAX }, () => this.#packets.quietPayload());
    const pages = Array.from({ length: READ_PAGES_MAX }, () => this.#page());
    const noted = this.#list(NOTED_PACKETS_MAX);
    switch (this.#dice.below(4)) {
      case 0:
        return this.#request(id, first, []);
      case 1:
        return framed({ type: "read", id, noted, pages }, "asks");
      case 2:
        return framed({ type: "noted", noted: [...noted, "g"].slice(0, NOTED_PACKETS_MAX) }, "tells");
      default:
        return framed({ type: "packets", id, noted: [], first: [], last: "m".repeat(PAYLOAD_BYTES_MAX) }, "asks");
    }
  }

  #wrong(id: number): FuzzMessage {
    const dice = this.#dice;
    const good = this.#good(id);
    const bytes = good.bytes as Buffer;
    const after = good.after;
    const raw = (damaged: Uint8Array | string, packed = false): FuzzMessage => ({
      ...{ bytes: damaged, packed, after, kind: "wrong", packets: 0 },
    });
    const head = (changes: Head): FuzzMessage =>
      raw(encodeFrame({ type: "packets", id, noted: [], first: [], last: "g", ...changes }));
    const ways: readonly [() => FuzzMessage, ...(() => FuzzMessage)[]] = [
      () => raw(this.#flipped(bytes)),
      () => raw(this.#flipped(bytes)),
      () => raw(bytes.subarray(0, dice.below(bytes.length))),
      () => raw(Buffer.concat([bytes, Buffer.alloc(dice.below(2 * PAGE_BYTES), dice.below(256))])),
      () => raw(Buffer.concat([bytes, bytes])),
      () => raw(withLength(bytes, dice.pick([0, 1, 0x7fff_ffff, 0xffff_ffff, bytes.length, dice.below(70_000)]))),
      () => raw(Buffer.from(Array.from({ length: dice.below(200) }, () => dice.below(256)))),
      () => raw(bytes.toString("latin1").slice(4)),
      () => raw(Buffer.alloc(BOMB_BYTES, dice.below(256)), true),
      () => raw(withLength(Buffer.from(`    ${"[".repeat(DEEP)}${"]".repeat(DEEP)}`), 2 * DEEP)),
      () => head({ id: dice.pick([0, -1, 1.5, 2 ** 53, 1e300, "1", null, [id], 1, id - 1]) }),
      () => head({ type: dice.pick(["attach", "read", "hello", "answer", "", "toString", 7, null]) }),
      () => head({ first: Array(FIRST_PACKETS_MAX + 1).fill("Hg0") }),
      () => head({ noted: Array(NOTED_PACKETS_MAX + 1).fill("g") }),
      () => head({ last: dice.pick(["g\u0100", "m".repeat(PAYLOAD_BYTES_MAX + 1), 5, null, ["g"]]) }),
      () => head({ and: 1 }),
      () => raw(encodeFrame(JSON.parse('{"__proto__": {"type": "interrupt"}, "constructor": {"prototype": 1}}'))),
      () => raw(encodeFrame({ type: "read", id, noted: [], pages: this.#wrongPages() })),
      () => raw(encodeFrame({ type: "attach", id, again: null })),
      () => raw(encodeFrame({ type: "left", noted: Array(NOTED_PACKETS_MAX + 1).fill("g") })),
    ];
    return dice.pick(ways)();
  }

  #wrongPages(): readonly unknown[] {
    const dice = this.#dice;
    return dice.pick<readonly unknown[]>([
      [],
      Array(READ_PAGES_MAX + 1).fill("1000"),
      [dice.pick(["1008", "01000", "-1000", "10000000000000000", "FFF000", "", "x", 4096, null])],
    ]);
  }

  #flipped(bytes: Buffer): Buffer {
    const copy = Buffer.from(bytes);
    for (let n = 1 + this.#dice.below(6); n > 0; n -= 1) copy[this.#dice.below(copy.length)] = this.#dice.below(256);
    return copy;
  }

  #list(most: number): string[] {
    return Array.from({ length: this.#dice.below(most + 1) }, () => this.#packets.payload().slice(0, 100));
  }

  #page(): string {
    const at = BigInt(`0x${this.#packets.address()}`) + BigInt(this.#dice.below(64) * PAGE_BYTES);
    return (BigInt.asUintN(64, at) & ~0xfffn).toString(16);
  }
}

function framed(
  head: NearMessage,
  kind: "asks" | "tells",
  after: FuzzMessage["after"] = "goes on",
  packets = 0,
): FuzzMessage {
  return { bytes: encodeFrame(head), packed: false, kind, after, packets };
}

function withLength(bytes: Buffer, length: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt32BE(length);
  return copy;
}
