import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GuestModel } from "../../testing/guest-model.ts";
import { playTalk } from "../../testing/play-talk.ts";
import type { AheadLog, Standing, WrittenBytes } from "./log.ts";
import { takeBack } from "./put-back.ts";

const RAM = 0xffff_8880_0000_1000n;
const REGISTERS = ["rax", "rbx", "rsp", "rip"] as const;

/** A stub that takes writes, as far as its fault lets it. */
class Stub {
  readonly guest = new GuestModel();
  readonly #fault: string;

  constructor(fault = "none") {
    this.#fault = fault;
    this.guest.map(RAM, 2);
  }

  answer(payload: string): string {
    const memory = /^M([0-9a-f]+),[0-9a-f]+:([0-9a-f]+)$/.exec(payload);
    if (memory) {
      if (this.#fault === "refuses memory") return "E14";
      const at = BigInt(`0x${memory[1]}`);
      if (this.#fault !== "forgets memory") this.write(at, Buffer.from(memory[2] ?? "", "hex"));
      return "OK";
    }
    const register = /^P([0-9a-f]+)=([0-9a-f]{16})$/.exec(payload);
    if (register === null) return this.guest.answer(payload);
    if (this.#fault === "refuses registers") return "E22";
    const name = NAMES[Number.parseInt(register[1] ?? "", 16)] ?? "";
    const value = Buffer.from(register[2] ?? "", "hex").readBigUInt64LE();
    if (this.#fault !== "forgets registers") this.guest.registers.set(name, value);
    return "OK";
  }

  write(at: bigint, bytes: Uint8Array): void {
    for (const [n, byte] of bytes.entries()) {
      const place = at + BigInt(n);
      this.guest.pages.get(place & ~0xfffn)?.set([byte], Number(place & 0xfffn));
    }
  }

  /** All that it holds. */
  get all(): string {
    return [this.guest.g, ...[...this.guest.pages.values()].map((page) => page.toString("hex"))].join();
  }
}

const NAMES: Readonly<Record<number, string>> = { 0: "rax", 1: "rbx", 7: "rsp", 16: "rip" };

const step = fc.record({
  writes: fc.array(fc.record({ offset: fc.nat(40), bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }) }), {
    maxLength: 3,
  }),
  register: fc.constantFrom(...REGISTERS),
  value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Plays steps on a stub. @returns their log, and how it stood after each */
function played(stub: Stub, steps: readonly Step[]) {
  const standings: Standing[] = [];
  const all: string[] = [];
  for (const { writes, register, value } of steps) {
    const written = writes.map(({ offset, bytes }): WrittenBytes => {
      const address = RAM + 0x800n + BigInt(offset);
      const before = Buffer.from(stub.guest.answer(`m${address.toString(16)},${bytes.length.toString(16)}`), "hex");
      stub.write(address, bytes);
      return { address, physical: address - RAM, before, after: bytes };
    });
    stub.guest.registers.set(register, value);
    standings.push({ stop: "T05thread:01;", registers: stub.guest.g, written });
    all.push(stub.all);
  }
  const log = { connection: 1, name: 1, before: 0, steps: standings, translation: null } as unknown as AheadLog;
  return { log, all };
}

const several = fc.array(step, { minLength: 2, maxLength: 12 });

describe("steps that are taken back", () => {
  it("leave the machine as it was after any of them", () => {
    fc.assert(
      fc.property(several, fc.nat(), (steps, n) => {
        const stub = new Stub();
        const { log, all } = played(stub, steps);
        const took = 1 + (n % (steps.length - 1));
        expect(playTalk(takeBack(log, took), (payload) => stub.answer(payload)).isExact).toBe(true);
        expect(stub.all).toBe(all[took - 1]);
      }),
    );
  });

  it.each(["refuses memory", "refuses registers", "forgets memory", "forgets registers"])(
    "are known not to be, by a stub that %s",
    (fault) => {
      const stub = new Stub(fault);
      const bytes = Buffer.from("0123456789abcdef", "hex");
      const { log } = played(stub, [
        { writes: [], register: "rax", value: 1n },
        { writes: [{ offset: 0, bytes }], register: "rip", value: 2n },
      ]);
      const { isExact, registers } = playTalk(takeBack(log, 1), (payload) => stub.answer(payload));
      expect(isExact).toBe(false);
      expect(registers).toBe(stub.guest.g);
    },
  );
});
