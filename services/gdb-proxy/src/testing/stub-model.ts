import { hexOfBytes } from "@ringside/rsp";
import { STUB_PACKETS_AHEAD_MAX } from "../limits.ts";

const INFO_REPLAY = `qRcmd,${hexOfBytes("info replay")}`;

/** A register file of QEMU's x86_64 layout with some registers set. */
export function registersHex(values: Partial<Record<"rip" | "rsp" | "rbp" | "cs", bigint>> = {}): string {
  const bytes = Buffer.alloc(608);
  bytes.writeBigUInt64LE(values.rbp ?? 0n, 6 * 8);
  bytes.writeBigUInt64LE(values.rsp ?? 0n, 7 * 8);
  bytes.writeBigUInt64LE(values.rip ?? 0xffff_ffff_8100_0000n, 16 * 8);
  bytes.writeUInt32LE(Number(values.cs ?? 0n), 17 * 8 + 4);
  return bytes.toString("hex");
}

export const TARGET_XML =
  '<?xml version="1.0"?><target><architecture>i386:x86-64</architecture><xi:include href="core.xml"/></target>';

/**
 * QEMU's stub as far as the hub can tell: what it answers, what stops and runs it, and what must never reach
 * it. Answers wait in `answers` until the test delivers them.
 */
export class StubModel {
  running: boolean;
  readonly breakpoints = new Map<string, number>();
  readonly answers: string[] = [];
  readonly packets: string[] = [];
  readonly faults: string[] = [];
  /** What gdb has inserted, as the test knows it; null where it does not check. */
  expected: ReadonlySet<string> | null = null;
  /** Told what stands in the machine each time that it is let run. */
  resumed: (breakpoints: ReadonlySet<string>) => void = () => undefined;
  /** What QEMU says it has recorded. */
  instructions: number | null = 4321;
  pc = 0xffff_ffff_8100_0000n;
  cs = 0n;
  /**
   * Where the program counter goes: a step takes the next, a continue goes on to the next with a breakpoint. Where it
   * is at its end, the machine runs until the test stops it. Null: so it is always.
   */
  path: bigint[] | null = null;
  /** Questions that were under way at a time. */
  mostUnderWay = 0;
  /** No memory can be read. */
  unreadable = false;
  /** What memory holds, as hex, where that matters. */
  memory: (bytes: number) => string = (bytes) => "00".repeat(bytes);
  #interrupts = 0;

  constructor(running = true) {
    this.running = running;
  }

  /** A connection: it stops the machine, which says so if it ran. */
  connect(): void {
    this.answers.length = 0;
    if (this.running) this.answers.push("T02thread:01;");
    this.running = false;
  }

  packet(payload: string): void {
    this.packets.push(payload);
    if (this.running) this.faults.push(`written while running: ${payload}`);
    // Questions may be several under way; what writes, inserts or lets run waits for all answers before.
    const isQuestion = /^(?:[mgpT]|q(?!Rcmd))/.test(payload);
    if (this.answers.length > 0 && !isQuestion) this.faults.push(`not waited before: ${payload}`);
    if (this.answers.length >= STUB_PACKETS_AHEAD_MAX) this.faults.push(`too many under way: ${payload}`);
    this.mostUnderWay = Math.max(this.mostUnderWay, this.answers.length + 1);
    const answer = this.#answer(payload);
    if (answer !== null) this.answers.push(answer);
  }

  interrupt(): void {
    this.#interrupts += 1;
    if (this.#interrupts > 1) this.faults.push("interrupted twice");
    if (!this.running) return;
    this.running = false;
    this.answers.push("T02thread:01;");
  }

  /** The machine stops by itself. */
  stop(reply = "T05thread:01;"): void {
    if (!this.running) return;
    this.running = false;
    this.answers.push(reply);
  }

  #answer(payload: string): string | null {
    if (/^(?:vCont;|[cs])/.test(payload)) {
      this.#interrupts = 0;
      const inserted = [...this.breakpoints.keys()].sort().join(" ");
      this.resumed(new Set(this.breakpoints.keys()));
      if (this.expected !== null && inserted !== [...this.expected].sort().join(" ")) {
        this.faults.push(`runs with ${inserted}`);
      }
      if (this.#moves(/^(?:vCont;s|s)/.test(payload))) return "T05thread:01;";
      this.running = true;
      return null;
    }
    const breakpoint = /^([Zz])(.*)$/.exec(payload);
    if (breakpoint) return this.#breakpoint(breakpoint[1] === "Z", breakpoint[2] ?? "");
    if (payload === "?") {
      this.breakpoints.clear();
      return "T05thread:01;";
    }
    if (payload.startsWith("qSupported")) return "PacketSize=1000;qXfer:features:read+;vContSupported+;multiprocess+";
    if (payload === "g") return registersHex({ rip: this.pc, cs: this.cs });
    const feature = /^qXfer:features:read:([^:]+):([0-9a-f]+),/.exec(payload);
    if (feature)
      return `l${(feature[1] === "target.xml" ? TARGET_XML : "<feature/>").slice(Number.parseInt(feature[2] ?? "0", 16))}`;
    const memory = /^m[0-9a-f]+,([0-9a-f]+)$/.exec(payload);
    if (memory && this.unreadable) return "E14";
    if (memory) return this.memory(Number.parseInt(memory[1] ?? "0", 16));
    if (payload === INFO_REPLAY) {
      if (this.instructions === null) return "OK";
      this.answers.push(
        `O${hexOfBytes(`Recording execution '/x/replay.log': instruction count = ${this.instructions}\r\n`)}`,
      );
      return "OK";
    }
    if (payload === "qfThreadInfo") return "m01";
    if (payload === "qsThreadInfo") return "l";
    if (/^(?:[GMPHT]|q[CT])/.test(payload)) return "OK";
    if (payload === "p10") return registersHex({ rip: this.pc }).slice(256, 272);
    if (/^p[0-9a-f]+$/.test(payload)) return "0000000000000000";
    this.faults.push(`must not reach the stub: ${payload}`);
    return "";
  }

  /** Goes on along its path. @returns true where the machine stops there at once */
  #moves(steps: boolean): boolean {
    for (let next = this.path?.shift(); next !== undefined; next = this.path?.shift()) {
      this.pc = next;
      const place = `,${next.toString(16)},1`;
      if (steps || this.breakpoints.has(`0${place}`) || this.breakpoints.has(`1${place}`)) return true;
    }
    return false;
  }

  #breakpoint(insert: boolean, place: string): string {
    const count = this.breakpoints.get(place) ?? 0;
    if (!insert && count === 0) return "E22";
    if (insert || count > 1) this.breakpoints.set(place, count + (insert ? 1 : -1));
    else this.breakpoints.delete(place);
    return "OK";
  }
}
