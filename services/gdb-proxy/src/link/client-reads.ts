import { PAGE_BYTES } from "@ringside/link";
import { parsePacket } from "@ringside/rsp";
import { CHASE_READS_MAX, LINK_STOP_PAGES_MAX, RECENT_PAGES_MAX, RECENT_STOPS_MAX } from "../limits.ts";
import { pageOf } from "./guest-memory.ts";

/** A read of memory by gdb. */
export interface ClientRead {
  readonly address: bigint;
  readonly length: number;
}

/** What one gdb has read, as far as it was noted: by that it is guessed what it will read. */
export class ClientReads {
  /** The last ones of this stop, oldest first; at most CHASE_READS_MAX. */
  #reads: ClientRead[] = [];
  #thisStop = new Set<bigint>();
  #lastStop: readonly bigint[] = [];
  /** Page → stops since it was read; the youngest last. */
  readonly #recent = new Map<bigint, number>();

  get reads(): readonly ClientRead[] {
    return this.#reads;
  }

  /** Pages that were read since the machine stopped, in their order. */
  get thisStop(): readonly bigint[] {
    return [...this.#thisStop];
  }

  /** Pages that were read at the stop before this one. */
  get lastStop(): readonly bigint[] {
    return this.#lastStop;
  }

  /** Pages that were read lately, the last first. */
  get recent(): readonly bigint[] {
    return [...this.#recent.keys()].reverse();
  }

  /** Packets that gdb was answered from what it was sent. */
  noted(payloads: readonly string[]): void {
    for (const payload of payloads) {
      if (payload[0] !== "m" && payload[0] !== "x") continue;
      const packet = parsePacket(payload);
      if ((packet.kind === "m" || packet.kind === "x") && packet.length > 0) this.#read(packet);
    }
    if (this.#reads.length > CHASE_READS_MAX) this.#reads = this.#reads.slice(-CHASE_READS_MAX);
  }

  /** Pages that gdb had to wait for. */
  missed(pages: readonly bigint[]): void {
    for (const page of pages) this.#touch(page);
  }

  /** The machine has stopped anew. @param stepped by a step: then nothing gets older */
  stopped(stepped: boolean): void {
    for (const page of this.#thisStop) this.#recent.delete(page);
    if (!stepped) {
      for (const [page, age] of this.#recent) {
        if (age >= RECENT_STOPS_MAX) this.#recent.delete(page);
        else this.#recent.set(page, age + 1);
      }
    }
    for (const page of this.#thisStop) this.#recent.set(page, 0);
    for (const page of this.#recent.keys()) {
      if (this.#recent.size <= RECENT_PAGES_MAX) break;
      this.#recent.delete(page);
    }
    this.#lastStop = [...this.#thisStop];
    this.#thisStop = new Set();
    this.#reads = [];
  }

  #read({ address, length }: ClientRead): void {
    this.#reads.push({ address, length });
    const last = pageOf(address + BigInt(length - 1));
    for (let page = pageOf(address); page <= last; page += BigInt(PAGE_BYTES)) {
      if (!this.#touch(page)) return;
    }
  }

  #touch(page: bigint): boolean {
    if (this.#thisStop.size >= LINK_STOP_PAGES_MAX) return false;
    this.#thisStop.add(page);
    return true;
  }
}
