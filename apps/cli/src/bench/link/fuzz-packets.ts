import { encodePacket } from "@ringside/rsp";
import type { Dice } from "./fuzz-dice.ts";

/** Something to send. */
export interface FuzzFrame {
  readonly bytes: Uint8Array;
  /** `runs`: an interrupt behind other packets would wait for them, and they for the machine. `leaves`: gdb lets go. */
  readonly after: "goes on" | "runs" | "leaves";
}

/** Whether the machine may run after a packet of this payload. */
export const mayRun = (payload: string): boolean => RUNS.test(payload);
/** Whether gdb lets go with it. */
export const mayLeave = (payload: string): boolean => LEAVES.test(payload);

const RUNS = /^(?:[csCS]|vCont;|vAttach)/;
const LEAVES = /^(?:D|k|vK)/;
const afterOf = (payload: string): FuzzFrame["after"] =>
  LEAVES.test(payload) ? "leaves" : RUNS.test(payload) ? "runs" : "goes on";

const hex = (dice: Dice, digits: number): string =>
  Array.from({ length: 1 + dice.below(digits) }, () => dice.below(16).toString(16)).join("");
const noise = (dice: Dice, length: number): string =>
  Array.from({ length: dice.below(length) }, () => String.fromCharCode(dice.below(256))).join("");

const THREADS = ["", "-1", "0", "1", "p1.1", "p1.-1", "ffffffff", "zz", "p"] as const;
const SIZES = ["0", "1", "2", "4", "8", "40", "800", "1000", "1600", "ffff", "ffffffff", "", "-1"] as const;
const XFERS = ["features", "auxv", "memory-map", "threads", "exec-file", "libraries", "osdata", ""] as const;
const ANNEXES = ["target.xml", "i386-64bit.xml", "", "../../etc/passwd", "x:y", "1"] as const;
const MONITORS = ["help", "status", "info version", "quit", "migrate exec:true", "", "who", "info registers"] as const;
const FILES = [
  "setfs:0",
  "open:2f6574632f706173737764,0,0",
  "pread:0,10,0",
  "pwrite:1,0,x",
  "close:0",
  "unlink:78",
] as const;

/** gdb's packets by their grammar, with addresses of the machine and of nowhere. */
export class FuzzPackets {
  readonly #dice: Dice;
  readonly #addresses: readonly [string, ...string[]];

  /** @param addresses hex, of memory that is there */
  constructor(dice: Dice, addresses: readonly [string, ...string[]]) {
    this.#dice = dice;
    this.#addresses = addresses;
  }

  /** The next frame: mostly a packet by the grammar, at times one that is damaged in some way. */
  next(): FuzzFrame {
    const dice = this.#dice;
    if (dice.once(60)) return this.#outside();
    const payload = this.payload();
    const bytes = encodePacket(payload);
    return { bytes: dice.once(120) ? this.#damaged(bytes) : bytes, after: afterOf(payload) };
  }

  /** A packet's payload by the grammar, one of eight damaged; one character per byte. */
  payload(): string {
    const payload = this.#byGrammar();
    return this.#dice.once(8) ? this.#mutated(payload) : payload;
  }

  /** Payload of a packet that is mostly answered OK: what a near agent sends before a resume. */
  quietPayload(): string {
    const dice = this.#dice;
    const at = dice.once(8) ? hex(dice, 17) : dice.pick(this.#addresses);
    const kind = dice.below(dice.once(4) ? 5 : 2);
    return dice.once(6)
      ? `Hg${dice.pick(THREADS)}`
      : `${dice.pick(["Z", "z"])}${kind},${at},${dice.pick(["1", "4", "8"])}`;
  }

  /** An address in hex: mostly one that is there. */
  address(): string {
    return this.#dice.once(4) ? hex(this.#dice, 17) : this.#dice.pick(this.#addresses);
  }

  #byGrammar(): string {
    const dice = this.#dice;
    const at = () => (dice.once(4) ? hex(dice, 17) : dice.pick(this.#addresses));
    const size = () => (dice.once(3) ? hex(dice, 5) : dice.pick(SIZES));
    const thread = () => dice.pick(THREADS);
    const kinds: readonly [() => string, ...(() => string)[]] = [
      () => `m${at()},${size()}`,
      () => `x${at()},${size()}`,
      () => "g",
      () => `p${hex(dice, 3)}`,
      () => `Z${dice.below(6)},${at()},${size()}${dice.once(3) ? this.#condition() : ""}`,
      () => `z${dice.below(6)},${at()},${size()}`,
      () => `H${dice.pick(["g", "c", "m", ""])}${thread()}`,
      () => `T${thread()}`,
      () =>
        dice.pick(["qC", "qfThreadInfo", "qsThreadInfo", `qThreadExtraInfo,${thread()}`, "qAttached", "qAttached:1"]),
      () => `qXfer:${dice.pick(XFERS)}:${dice.pick(["read", "write", ""])}:${dice.pick(ANNEXES)}:${size()},${size()}`,
      () => `qSupported:${dice.pick(["multiprocess+;swbreak+", "", "xmlRegisters=i386", noise(dice, 40)])}`,
      () => dice.pick(["?", "!", "vMustReplyEmpty", "vCont?", "qOffsets", "qSymbol::", "qTStatus", "QStartNoAckMode"]),
      () =>
        dice.pick([
          "bs",
          "bc",
          "R00",
          "r",
          "d",
          "t",
          "i",
          "A0",
          "F0",
          "C05",
          "S05",
          "qqemu.sstepbits",
          "Qqemu.sstep=7",
        ]),
      () => `vFile:${dice.pick(FILES)}`,
      () => `qRcmd,${Buffer.from(dice.once(5) ? noise(dice, 30) : dice.pick(MONITORS), "latin1").toString("hex")}`,
      () => this.#resume(thread, at),
      () => this.#write(at),
      () => noise(dice, 60),
    ];
    return dice.pick(kinds)();
  }

  #condition(): string {
    const bytes = hex(this.#dice, 40);
    return `;X${(bytes.length >> 1).toString(16)},${bytes}${this.#dice.once(3) ? ";cmds:0,X1,27" : ""}`;
  }

  #resume(thread: () => string, at: () => string): string {
    const dice = this.#dice;
    if (dice.once(600)) return dice.pick(["D", "D;1", "vAttach;1"]);
    const action = () =>
      dice.pick<() => string>([
        () => `s:${thread()}`,
        () => `r${at()},${at()}:${thread()}`,
        () => "S05",
        () => "t",
        () => `c:${thread()}`,
        () => "s",
      ])();
    // A guest that is sent to a random address does not live long.
    if (dice.once(300)) return dice.pick([`s${at()}`, `c${at()}`]);
    if (dice.once(3)) return dice.pick(["s", "vCont;s:1;c", "c"]);
    return `vCont${Array.from({ length: 1 + dice.below(3) }, () => `;${action()}`).join("")}`;
  }

  /** Writes are rare: a guest whose registers are garbage does not live long. */
  #write(at: () => string): string {
    const dice = this.#dice;
    if (!dice.once(200))
      return dice.pick([`M0,1:${hex(dice, 6)}`, "X0,0:", "P", "G", `P${hex(dice, 2)}=`, "M,:", "Mz"]);
    return dice.pick([`M${at()},4:${hex(dice, 9)}`, `P${hex(dice, 2)}=${hex(dice, 16)}`, `G${hex(dice, 300)}`]);
  }

  #mutated(payload: string): string {
    const dice = this.#dice;
    const cut = dice.below(payload.length + 1);
    switch (dice.below(4)) {
      case 0:
        return payload.slice(0, cut);
      case 1:
        return payload.slice(0, cut) + noise(dice, 4) + payload.slice(cut);
      case 2:
        return payload.repeat(1 + dice.below(40)).slice(0, 9_000);
      default:
        return payload.slice(0, cut) + String.fromCharCode(dice.below(256)) + payload.slice(cut + 1);
    }
  }

  /** A frame that cannot be read, or whose beginning cannot. */
  #damaged(bytes: Uint8Array): Uint8Array {
    const dice = this.#dice;
    const copy = Buffer.from(bytes);
    switch (dice.below(3)) {
      case 0:
        copy[copy.length - 1] = 0x7a;
        return copy;
      case 1:
        return copy.subarray(0, dice.below(copy.length));
      default:
        return Buffer.concat([copy.subarray(0, 2), copy]);
    }
  }

  #outside(): FuzzFrame {
    const dice = this.#dice;
    const text = dice.pick([
      "\x03",
      "+",
      "-",
      "%Stop:T05#00",
      "\x03\x03",
      "}",
      "#00",
      noise(dice, 8).replaceAll("$", ""),
    ]);
    return { bytes: Buffer.from(text, "latin1"), after: "goes on" };
  }
}
