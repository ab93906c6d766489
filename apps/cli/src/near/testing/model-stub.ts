import { bytesOfHex, parsePacket, REGISTER_LAYOUTS } from "@ringside/rsp";
import { NEAR_READ_BYTES_MAX } from "../../limits.ts";

const PAGE = 4_096;
const REGISTERS_BYTES = 608;
const RIP_OFFSET = 128;
const RSP_OFFSET = 56;
/** Steps of a `continue` that meets no breakpoint. */
const STEPS_MAX = 24;
const CODE = 0x1000n;
const CODE_BYTES = 0x40n;
const STACK = 0xffff_8880_0000_4000n;
const COUNTER = 0x2ff8n;

/** Readable ranges: start and bytes. The third ends in the middle of a page. */
const RANGES: ReadonlyArray<readonly [start: bigint, bytes: number]> = [
  [CODE, 4 * PAGE],
  [0xffff_8880_0000_0000n, 8 * PAGE],
  [0x9000n, 0x800],
];

/**
 * A machine behind a stub, as far as gdb can tell: registers of two threads, memory, breakpoints, and a program that
 * changes some of each at every step. Answers at once. The same packets give the same answers.
 */
export class ModelStub {
  readonly #ranges = RANGES.map(([start, bytes]) => ({ start, bytes: Buffer.alloc(bytes) }));
  readonly #registers = new Map([1, 2].map((thread) => [thread, Buffer.alloc(REGISTERS_BYTES, thread)]));
  readonly #inserted = new Set<string>();
  readonly #threads: number;
  readonly #rangeEndOff: bigint;
  #chosen = 1;
  #stop = "T05thread:01;";
  #steps = 0;
  #detached = false;

  /** @param rangeEndOff what a planted fault adds to the end of a range that is stepped */
  constructor(threads: 1 | 2 = 1, rangeEndOff = 0n) {
    this.#threads = threads;
    this.#rangeEndOff = rangeEndOff;
    for (const { bytes } of this.#ranges) for (let at = 0; at < bytes.length; at += 1) bytes[at] = (at * 7 + 3) & 0xff;
    this.#set(RIP_OFFSET, CODE);
    this.#set(RSP_OFFSET, STACK);
  }

  get isDetached(): boolean {
    return this.#detached;
  }

  get stopReply(): string {
    return this.#stop;
  }

  get isAtBreakpoint(): boolean {
    return this.#inserted.has(`software ${this.pc} 1`) || this.#inserted.has(`hardware ${this.pc} 1`);
  }

  /** Whole pages that can be read. */
  get pages(): readonly bigint[] {
    return this.#ranges.flatMap(({ start, bytes }) =>
      Array.from({ length: Math.floor(bytes.length / PAGE) }, (_, n) => start + BigInt(n * PAGE)),
    );
  }

  get inserted(): readonly string[] {
    return [...this.#inserted].sort();
  }

  get pc(): bigint {
    return this.#register(RIP_OFFSET);
  }

  get sp(): bigint {
    return this.#register(RSP_OFFSET);
  }

  /** @returns what puts the machine back to how it stands now, breakpoints aside */
  snapshot(): () => void {
    const ranges = this.#ranges.map(({ bytes }) => Buffer.from(bytes));
    const registers = [...this.#registers].map(([thread, bytes]) => [thread, Buffer.from(bytes)] as const);
    const [chosen, stop, steps] = [this.#chosen, this.#stop, this.#steps];
    return () => {
      for (const [n, bytes] of ranges.entries()) this.#ranges[n]?.bytes.set(bytes);
      for (const [thread, bytes] of registers) this.#of(thread).set(bytes);
      [this.#chosen, this.#stop, this.#steps] = [chosen, stop, steps];
    };
  }

  /** The page's bytes; null where any of them cannot be read. */
  page(at: bigint): Uint8Array | null {
    const range = this.#ranges.find(({ start, bytes }) => at >= start && at < start + BigInt(bytes.length));
    const offset = range === undefined ? 0 : Number(at - range.start);
    return range !== undefined && offset + PAGE <= range.bytes.length
      ? Uint8Array.from(range.bytes.subarray(offset, offset + PAGE))
      : null;
  }

  /** The stopped thread's registers. */
  registers(): string {
    return this.#of(1).toString("hex");
  }

  /** @returns the lines before the answer, and it */
  packet(payload: string): { readonly said: readonly string[]; readonly reply: string } {
    if (payload.startsWith("qRcmd,")) return this.#monitor(bytesOfHex(payload.slice("qRcmd,".length)) ?? "");
    return { said: [], reply: this.#reply(payload) };
  }

  #reply(payload: string): string {
    const packet = parsePacket(payload);
    if (this.#detached && packet.kind !== "vAttach") return "E01";
    switch (packet.kind) {
      case "g":
        return this.#of(this.#chosen).toString("hex");
      case "p": {
        const place = REGISTER_LAYOUTS.x86_64[packet.register];
        if (place === undefined) return "E00";
        return this.#of(this.#chosen).toString("hex", place.offset, place.offset + place.bytes);
      }
      case "P": {
        const place = REGISTER_LAYOUTS.x86_64[packet.register];
        if (place === undefined) return "E00";
        this.#of(this.#chosen).write(packet.value.slice(0, 2 * place.bytes), place.offset, "hex");
        return "OK";
      }
      case "G":
        this.#of(this.#chosen).write(packet.values.replaceAll("x", "0"), 0, "hex");
        return "OK";
      case "m":
        return packet.length === 0
          ? ""
          : this.#read(packet.address, Math.min(packet.length, NEAR_READ_BYTES_MAX)) || "E14";
      case "M":
        return this.#write(packet.address, Buffer.from(packet.data, "hex")) ? "OK" : "E14";
      case "Z":
      case "z": {
        const place = `${packet.type} ${packet.address} ${packet.length}`;
        if (packet.kind === "Z") this.#inserted.add(place);
        else if (!this.#inserted.delete(place)) return "E22";
        return "OK";
      }
      case "resume":
        return this.#run(packet.action === "step" ? 1 : STEPS_MAX, null);
      case "vCont":
        return this.#vCont(payload);
      case "H":
        if (!/^(?:-1|0*[0-2])$/.test(packet.thread) || Number(packet.thread) > this.#threads) return "E22";
        if (packet.operation === "g" && Number(packet.thread) > 0) this.#chosen = Number(packet.thread);
        return "OK";
      case "T":
        return Number(packet.thread) >= 1 && Number(packet.thread) <= this.#threads ? "OK" : "E22";
      case "qC":
        return "QC01";
      case "qfThreadInfo":
        return this.#threads === 1 ? "m01" : "m01,02";
      case "qsThreadInfo":
        return "l";
      case "qThreadExtraInfo":
        return "4350";
      case "?":
        return this.#stop;
      case "!":
      case "QStartNoAckMode":
        return "OK";
      case "qAttached":
        return "1";
      case "D":
        this.#detached = true;
        this.#inserted.clear();
        this.#run(STEPS_MAX, null);
        return "OK";
      case "vAttach":
        this.#detached = false;
        return this.#run(1, null);
      default:
        return "";
    }
  }

  #vCont(payload: string): string {
    const range = /^vCont;r([0-9a-f]+),([0-9a-f]+)/.exec(payload);
    if (range) {
      return this.#run(STEPS_MAX, { start: BigInt(`0x${range[1]}`), end: BigInt(`0x${range[2]}`) + this.#rangeEndOff });
    }
    if (/^vCont;[sS]/.test(payload)) return this.#run(1, null);
    return /^vCont;[cC]/.test(payload) ? this.#run(STEPS_MAX, null) : "";
  }

  #run(steps: number, range: { readonly start: bigint; readonly end: bigint } | null): string {
    this.#chosen = 1;
    this.#stop = "T02thread:01;";
    for (let step = 0; step < steps; step += 1) {
      this.#step();
      if (steps === 1 || this.isAtBreakpoint) {
        this.#stop = "T05thread:01;";
        break;
      }
      if (range !== null && (this.pc < range.start || this.pc >= range.end)) {
        this.#stop = "T05thread:01;";
        break;
      }
    }
    return this.#stop;
  }

  /** A call now and then, a counter in memory, a changing register. */
  #step(): void {
    this.#steps += 1;
    const pc = this.pc + (this.#steps % 5 === 0 ? 4n : 2n);
    this.#set(RIP_OFFSET, pc >= CODE + CODE_BYTES ? CODE : pc);
    this.#set(0, this.#register(0) * 3n + BigInt(this.#steps));
    const sp = STACK - BigInt((this.#steps % 9) * 8);
    this.#set(RSP_OFFSET, sp);
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(this.#steps));
    this.#write(COUNTER, bytes);
    this.#write(sp, bytes);
    this.#of(2).writeUInt8(this.#steps & 0xff, 8);
  }

  #monitor(command: string): { readonly said: readonly string[]; readonly reply: string } {
    if (this.#detached || command === "") return { said: [], reply: "E01" };
    if (command !== "poke") return { said: ["nothing done"], reply: "OK" };
    this.#write(COUNTER, Buffer.from("poked..."));
    return { said: ["poked", "the counter"], reply: "OK" };
  }

  #of(thread: number): Buffer {
    return this.#registers.get(thread) ?? Buffer.alloc(REGISTERS_BYTES);
  }

  #register(offset: number): bigint {
    return this.#of(1).readBigUInt64LE(offset);
  }

  #set(offset: number, value: bigint): void {
    this.#of(1).writeBigUInt64LE(value & 0xffff_ffff_ffff_ffffn, offset);
  }

  /** Up to the first byte that cannot be read. */
  #read(address: bigint, length: number): string {
    const range = this.#ranges.find(({ start, bytes }) => address >= start && address < start + BigInt(bytes.length));
    if (range === undefined) return "";
    const offset = Number(address - range.start);
    return range.bytes.toString("hex", offset, Math.min(range.bytes.length, offset + length));
  }

  #write(address: bigint, data: Uint8Array): boolean {
    const range = this.#ranges.find(({ start, bytes }) => address >= start && address < start + BigInt(bytes.length));
    if (range === undefined || Number(address - range.start) + data.length > range.bytes.length) return false;
    range.bytes.set(data, Number(address - range.start));
    return true;
  }
}
