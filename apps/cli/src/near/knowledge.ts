import type { Ahead, BundleHead, StepAhead } from "@ringside/link";
import { hexOfBytes, parseStopReply, REGISTER_LAYOUTS, type RegisterArch } from "@ringside/rsp";
import { NEAR_READ_BYTES_MAX } from "../limits.ts";
import { PageCache, type Pages, pagesOf } from "./page-cache.ts";

/** What a read of memory comes to. */
export type MemoryRead =
  | { readonly kind: "bytes"; readonly hex: string }
  /** These pages are needed for it. */
  | { readonly kind: "pages"; readonly pages: readonly string[] }
  /** Not to be answered from pages: the cell must be asked for just these bytes. */
  | { readonly kind: "unknown" };

const UNKNOWN: MemoryRead = { kind: "unknown" };

/**
 * What is known of the machine as it stands: true from one Bundle until the next resume, write or `changed`.
 * All of it belongs to the thread that has stopped: with another one chosen, registers and memory are not known.
 */
export class Knowledge {
  readonly #arch: RegisterArch;
  readonly #pages = new PageCache();
  #registers: string | null = null;
  #threads: readonly string[] | null = null;
  #stop: string | null = null;
  /** The thread that gdb has chosen with `Hg`, where it is not the stopped one. */
  #chosen: string | null = null;

  constructor(arch: RegisterArch) {
    this.#arch = arch;
  }

  /** The last stop reply, while the machine stands at it. */
  get stop(): string | null {
    return this.#stop;
  }

  /** The `g` reply of the chosen thread. */
  get registers(): string | null {
    return this.#chosen === null ? this.#registers : null;
  }

  /** The thread that gdb has chosen, where it is not the one that has stopped. */
  get choice(): string | null {
    return this.#chosen;
  }

  /** Something may have changed: registers and memory are not known any more. */
  drop(): void {
    this.#registers = null;
    this.#pages.drop();
  }

  /** The machine runs, or has run. */
  resumed(): void {
    this.drop();
    this.#stop = null;
    this.#chosen = null;
  }

  /** The machine has stopped; nothing else is known. */
  stoppedAt(stop: string): void {
    this.#stop = stop;
  }

  /** @param stop the stop reply that it belongs to; null where the machine has stood still */
  set(bundle: BundleHead, pages: Pages, stop: string | null): void {
    this.drop();
    if (stop !== null) this.#stop = stop;
    if (bundle.threads !== null) this.#threads = threadsOf(bundle.threads);
    // The cell reads for the stopped thread.
    if (this.#chosen !== null) return;
    this.#registers = bundle.registers;
    this.#pages.add(pages, []);
  }

  /** As set(), after steps ahead: what is known is how the machine stood after the first of them. */
  setAhead(bundle: BundleHead, pages: Pages, stop: string, ahead: Ahead): void {
    // Those that came are kept for the next difference.
    const own = new Map([...pages].map(([at, bytes]) => [at, Uint8Array.from(bytes)]));
    this.set({ ...bundle, registers: ahead.registers }, own, stop);
    for (const { changes } of ahead.steps.toReversed()) {
      for (const [address, before] of changes.toReversed()) this.#change(address, before);
    }
  }

  /** gdb takes the next of the steps ahead. */
  stepped({ stop, registers, changes }: StepAhead): void {
    this.#stop = stop;
    for (const [address, , after] of changes) this.#change(address, after);
    for (const [number, value] of registers) this.#setRegister(number, value);
  }

  #change(address: string, hex: string): void {
    this.#pages.write(BigInt(`0x${address}`), Buffer.from(hex, "hex"));
  }

  #setRegister(number: number, value: string): void {
    const place = REGISTER_LAYOUTS[this.#arch][number];
    if (place === undefined || this.#registers === null || value.length !== 2 * place.bytes) return;
    const [start, end] = [2 * place.offset, 2 * (place.offset + place.bytes)];
    this.#registers = this.#registers.slice(0, start) + value + this.#registers.slice(end);
  }

  /** @param missing pages that are no use: their bytes must be asked for one by one */
  addPages(pages: Pages, missing: readonly string[]): void {
    if (this.#chosen === null) this.#pages.add(pages, missing);
  }

  /** The answer to a `g` that the cell was asked for. */
  addRegisters(reply: string): void {
    if (this.#chosen === null && /^(?:[0-9a-fx]{2}){8,}$/.test(reply)) this.#registers = reply;
  }

  /** @param number of the register in `p`; null where the cell must be asked */
  register(number: number): string | null {
    const place = REGISTER_LAYOUTS[this.#arch][number];
    const { registers } = this;
    if (place === undefined || registers === null) return null;
    const digits = registers.slice(2 * place.offset, 2 * (place.offset + place.bytes));
    return digits.length === 2 * place.bytes && /^[0-9a-f]+$/.test(digits) ? digits : null;
  }

  /** A longer read than NEAR_READ_BYTES_MAX gives its beginning. */
  memory(address: bigint, length: number): MemoryRead {
    if (this.#chosen !== null || length === 0) return UNKNOWN;
    const bytes = Math.min(length, NEAR_READ_BYTES_MAX);
    const wanted = pagesOf(address, bytes);
    if (wanted === null || wanted.some((page) => this.#pages.isMissing(page))) return UNKNOWN;
    const absent = wanted.filter((page) => !this.#pages.has(page));
    if (absent.length > 0) return { kind: "pages", pages: absent };
    return { kind: "bytes", hex: this.#pages.read(address, bytes) };
  }

  /** `qfThreadInfo`'s reply. */
  threadList(): string | null {
    return this.#threads === null ? null : `m${this.#threads.join(",")}`;
  }

  /** `qC`'s reply: QEMU names the first. */
  firstThread(): string | null {
    const first = this.#threads?.[0];
    return first === undefined ? null : `QC${first}`;
  }

  hasThread(id: string): boolean {
    return this.#threads?.some((thread) => sameThread(thread, id)) === true;
  }

  /** Whether choosing this thread changes nothing. */
  isChosen(operation: "c" | "g", id: string): boolean {
    const only = this.#threads?.length === 1 && this.hasThread(id);
    if (operation === "c") return /^(?:-1|0+)$/.test(id) || only;
    if (this.#chosen !== null) return sameThread(this.#chosen, id);
    return /^(?:-1|0+)$/.test(id) || this.#isStopped(id) || only;
  }

  /** The cell has taken `Hg` for a thread. */
  choose(id: string): void {
    this.drop();
    this.#chosen = this.#isStopped(id) ? null : id;
  }

  #isStopped(id: string): boolean {
    const stopped = this.#stop === null ? null : parseStopReply(this.#stop);
    return stopped?.kind === "signal" && stopped.thread !== null && sameThread(stopped.thread, id);
  }
}

/** `m01,02` → its ids; null for anything else. */
function threadsOf(reply: string): readonly string[] | null {
  return /^m[0-9a-f]{1,8}(?:,[0-9a-f]{1,8})*$/i.test(reply) ? reply.slice(1).split(",") : null;
}

const sameThread = (a: string, b: string): boolean =>
  a !== "-1" && b !== "-1" && Number.parseInt(a, 16) === Number.parseInt(b, 16);

/** Hex of a line of text, for an `O` packet: one line, ended. */
export function hexLine(text: string): string {
  const line = text.endsWith("\n") ? text : `${text}\n`;
  return hexOfBytes(Buffer.from(line, "utf8").toString("latin1"));
}
