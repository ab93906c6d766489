import { type Ahead, PAGE_BYTES, type StepAhead } from "@ringside/link";
import { REGISTER_LAYOUTS } from "@ringside/rsp";
import type { ModelStub } from "./model-stub.ts";

/** What a test plants in steps ahead. */
export type AheadFault = "wrong before" | "lost change" | "late registers" | "back too far" | "not back";

export const AHEAD_FAULTS: readonly AheadFault[] = [
  "wrong before",
  "lost change",
  "late registers",
  "back too far",
  "not back",
];

/** Steps of a ModelStub ahead of a debugger, and the way back from them. */
export class ModelAhead {
  readonly #stub: ModelStub;
  readonly #fault: AheadFault | null;
  #log: { readonly name: number; readonly back: readonly (() => void)[] } | null = null;

  constructor(stub: ModelStub, fault: AheadFault | null) {
    this.#stub = stub;
    this.#fault = fault;
  }

  /** Somebody has moved the machine, or written to it. */
  drop(): void {
    this.#log = null;
  }

  /** Goes on after a first step, or a range. @param pages addresses of the pages that are given with the last one */
  goOn(
    { name, steps }: { readonly name: number; readonly steps: number },
    pages: () => readonly bigint[],
  ): Ahead | null {
    const stub = this.#stub;
    const registers = [stub.registers()];
    const back = [stub.snapshot()];
    const memory = [this.#memory()];
    const stops: string[] = [];
    while (back.length < steps && stub.stopReply.startsWith("T05") && !stub.isAtBreakpoint) {
      stops.push(stub.packet("vCont;s:1").reply);
      registers.push(stub.registers());
      back.push(stub.snapshot());
      memory.push(this.#memory());
    }
    if (stops.length === 0) return null;
    this.#log = { name, back };
    const given = pages();
    const log = stops.map((stop, n): StepAhead => {
      const late = this.#fault === "late registers" && n === 1;
      const [before = "", after = ""] = [registers[n], registers[n + 1]];
      return {
        stop,
        registers: late ? [] : different(before, after),
        changes: this.#changes(given, memory[n] ?? new Map(), memory[n + 1] ?? new Map()),
      };
    });
    return { registers: registers[0] ?? "", steps: log };
  }

  back({ name, took }: { readonly name: number; readonly took: number }): void {
    const log = this.#log;
    if (log?.name !== name) return;
    this.#log = null;
    if (this.#fault === "not back") return;
    log.back[this.#fault === "back too far" ? took : took - 1]?.();
  }

  #memory(): ReadonlyMap<bigint, Uint8Array> {
    const pages = new Map<bigint, Uint8Array>();
    for (const at of this.#stub.pages) {
      const page = this.#stub.page(at);
      if (page !== null) pages.set(at, page);
    }
    return pages;
  }

  /** In words of 8 bytes. */
  #changes(
    given: readonly bigint[],
    before: ReadonlyMap<bigint, Uint8Array>,
    after: ReadonlyMap<bigint, Uint8Array>,
  ): StepAhead["changes"] {
    const changes: StepAhead["changes"] = [];
    for (const at of given) {
      const [old, now] = [before.get(at), after.get(at)];
      if (old === undefined || now === undefined || Buffer.compare(old, now) === 0) continue;
      for (let offset = 0; offset < PAGE_BYTES; offset += 8) {
        const [was, is] = [old, now].map((page) => Buffer.from(page.buffer, page.byteOffset + offset, 8));
        if (was === undefined || is === undefined || was.equals(is) || this.#fault === "lost change") continue;
        const [a, b] = [was.toString("hex"), is.toString("hex")];
        const told = this.#fault === "wrong before" ? `ee${a.slice(2)}` : a;
        changes.push([(at + BigInt(offset)).toString(16), told, b]);
      }
    }
    return changes;
  }
}

function different(before: string, after: string): StepAhead["registers"] {
  return REGISTER_LAYOUTS.x86_64.flatMap(({ offset, bytes }, number): StepAhead["registers"] => {
    const value = after.slice(2 * offset, 2 * (offset + bytes));
    return before.slice(2 * offset, 2 * (offset + bytes)) === value ? [] : [[number, value]];
  });
}
