import { describe, expect, it } from "vitest";
import { GuestModel } from "../../testing/guest-model.ts";
import { playTalk } from "../../testing/play-talk.ts";
import { Translation } from "./translation.ts";

const DIRECT_MAP = 0xffff_8880_0000_0000n;
const [ROOT, UPPER, MIDDLE] = [0x20_1000n, 0x20_2000n, 0x20_3000n];
const [OTHER_UPPER, OTHER_MIDDLE, LOWER] = [0x20_4000n, 0x20_5000n, 0x20_6000n];
const NO_EXECUTE = 1n << 63n;
/** Present, writable, accessed; of a page: written to, too. */
const [TABLE, PAGE, LARGE_PAGE] = [0x23n, 0x63n, 0xe3n];
const SMALL = 0xffff_c900_0000_0000n;

/** A guest whose direct map has 2 MiB pages, and a page of 4 KiB at SMALL. */
class Guest {
  readonly model = new GuestModel();

  constructor() {
    this.model.registers.set("cr0", 0x8005_0033n).set("cr3", ROOT).set("cr4", 0x6b0n).set("efer", 0xd01n);
    for (const table of [ROOT, UPPER, MIDDLE, OTHER_UPPER, OTHER_MIDDLE, LOWER]) {
      this.model.pages.set(DIRECT_MAP + table, Buffer.alloc(4_096));
    }
    this.#map(DIRECT_MAP, UPPER, MIDDLE);
    for (let n = 0n; n < 4n; n += 1n) this.put(MIDDLE, n, (n * 0x20_0000n) | LARGE_PAGE | NO_EXECUTE);
    this.#map(SMALL, OTHER_UPPER, OTHER_MIDDLE);
    this.put(OTHER_MIDDLE, 0n, LOWER | TABLE);
    this.put(LOWER, 0n, 0x23_4000n | PAGE);
  }

  put(table: bigint, index: bigint, entry: bigint): this {
    this.model.pages.get(DIRECT_MAP + table)?.writeBigUInt64LE(entry, Number(index) * 8);
    return this;
  }

  of(...addresses: readonly bigint[]) {
    const answer = (payload: string) => this.model.answer(payload);
    const translation = playTalk(Translation.of(this.model.registers), answer);
    return addresses.map((address) => (translation === null ? "no tables" : playTalk(translation.of(address), answer)));
  }

  #map(address: bigint, upper: bigint, middle: bigint): void {
    this.put(ROOT, (address >> 39n) & 0x1ffn, upper | TABLE);
    this.put(upper, (address >> 30n) & 0x1ffn, middle | TABLE);
  }
}

describe("a machine's page tables", () => {
  it("say where pages are, small and large, and what may be done there", () => {
    expect(new Guest().of(SMALL + 0x123n, DIRECT_MAP + 0x20_5678n)).toEqual([
      { physical: 0x23_4000n, takesWrites: true, isCode: true },
      { physical: 0x20_5000n, takesWrites: true, isCode: false },
    ]);
  });

  it.each([
    ["is not there", 0x23_4000n],
    ["was never used, so that using it would leave a trace", (0x23_4000n | PAGE) & ~0x20n],
    ["is behind the memory", 0x8000_0000n | PAGE],
    ["is an adapter's", 0xb_8000n | PAGE],
  ])("give nothing for a page that %s", (_what, entry) => {
    expect(new Guest().put(LOWER, 0n, entry).of(SMALL)).toEqual([null]);
  });

  it.each([
    ["is for reading", (0x23_4000n | PAGE) & ~2n],
    ["was never written to", (0x23_4000n | PAGE) & ~0x40n],
  ])("take no writes to a page that %s", (_what, entry) => {
    expect(new Guest().put(LOWER, 0n, entry).of(SMALL)).toMatchObject([{ takesWrites: false }]);
  });

  it("are for the kernel's half only", () => {
    expect(new Guest().of(0x40_0000n, 0n, 1n << 63n)).toEqual([null, null, null]);
  });

  it.each<readonly [string, (guest: Guest) => unknown]>([
    ["the direct map is elsewhere", (guest) => guest.put(MIDDLE, 1n, 0x40_0000n | LARGE_PAGE)],
    ["paging is off", (guest) => guest.model.registers.set("cr0", 1n)],
    ["there are five levels", (guest) => guest.model.registers.set("cr4", 1n << 12n)],
    ["the processor is not in long mode", (guest) => guest.model.registers.set("efer", 0n)],
    ["they are no memory", (guest) => guest.model.registers.set("cr3", 0xf000_0000n)],
  ])("are not read where %s", (_what, change) => {
    const guest = new Guest();
    change(guest);
    expect(guest.of(SMALL)).toEqual(["no tables"]);
  });

  it("are known, so that nobody writes to them unseen", () => {
    const guest = new Guest();
    const answer = (payload: string) => guest.model.answer(payload);
    const translation = playTalk(Translation.of(guest.model.registers), answer);
    expect(translation?.isTable(MIDDLE + 8n)).toBe(true);
    expect(translation?.isTable(0x23_4000n)).toBe(false);
  });
});
