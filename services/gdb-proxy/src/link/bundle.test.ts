import { describe, expect, it } from "vitest";
import { BUNDLE_PAGES_MAX, PAGES_TOGETHER_MAX, STEP_PAGES_NEARBY_MAX } from "../limits.ts";
import { GuestModel } from "../testing/guest-model.ts";
import { Budget } from "./budget.ts";
import { type BundleView, gatherBundle } from "./bundle.ts";
import { ClientReads } from "./client-reads.ts";
import { isMemory } from "./guest-memory.ts";
import { StopPages } from "./stop-pages.ts";

const CODE = 0xffff_ffff_8100_0800n;
const STACK = 0xffff_c900_0000_1e00n;
const DIRECT = 0xffff_8880_0000_0000n;

/** A kernel that has stopped in its image with a stack in vmalloc's range. */
function kernel(): GuestModel {
  const guest = new GuestModel();
  guest.map(0xffff_ffff_8100_0000n, 64);
  guest.map(0xffff_c900_0000_0000n, 4);
  guest.registers.set("rip", CODE).set("rsp", STACK);
  return guest;
}

function gather(guest: GuestModel, kind: BundleView["kind"], reads = new ClientReads(), budget?: Budget): string[] {
  const sp = guest.registers.get(guest.arch === "x86_64" ? "rsp" : "esp") ?? null;
  const pages = new StopPages((page) => isMemory({ arch: guest.arch, memoryMib: null }, page, sp));
  const view = { arch: guest.arch, stop: { registers: guest.g }, kind, pages, reads };
  guest.run(gatherBundle({ ...view, budget: budget ?? new Budget(BUNDLE_PAGES_MAX, 1_000, () => 0) }));
  const fresh = pages.takeFresh();
  for (const { page, bytes } of fresh) expect(bytes.equals(guest.pages.get(page) ?? Buffer.alloc(0))).toBe(true);
  return fresh.map(({ page }) => page.toString(16));
}

describe("the pages that come with a stop", () => {
  it("are the code around the place, and the stack to its end", () => {
    expect(gather(kernel(), "stop")).toEqual([
      "ffffffff81000000",
      "ffffc90000001000",
      "ffffc90000002000",
      "ffffc90000003000",
    ]);
  });

  it("are the next page and the page before, where the place is near them", () => {
    const guest = kernel();
    guest.registers.set("rip", 0xffff_ffff_8100_0ff8n);
    expect(gather(guest, "stop").slice(0, 2)).toEqual(["ffffffff81000000", "ffffffff81001000"]);
    guest.registers.set("rip", 0xffff_ffff_8100_1010n);
    expect(gather(guest, "stop").slice(0, 2)).toEqual(["ffffffff81001000", "ffffffff81000000"]);
  });

  it("are the page behind the stack, too, where there is memory", () => {
    const guest = kernel();
    guest.map(DIRECT + 0x20_0000n, 8);
    guest.registers.set("rsp", DIRECT + 0x20_2f00n);
    expect(gather(guest, "stop").slice(1)).toEqual(
      [2n, 3n, 4n].map((n) => (DIRECT + 0x20_0000n + n * 0x1000n).toString(16)),
    );
  });

  it("are a few of a user program's stack, whose end is not known", () => {
    const guest = kernel();
    guest.map(0x7fff_0000_0000n, 16);
    guest.registers.set("rsp", 0x7fff_0000_2010n);
    expect(gather(guest, "stop").slice(1)).toEqual(["7fff00002000", "7fff00003000", "7fff00004000", "7fff00005000"]);
  });

  it("are the code that the frames return to, without another question for the stack", () => {
    const guest = kernel();
    const [frame, outer] = [STACK + 0x20n, STACK + 0x60n];
    guest.registers.set("rbp", frame);
    guest.poke(frame, outer);
    guest.poke(frame + 8n, 0xffff_ffff_8102_0123n);
    guest.poke(outer, 1n);
    guest.poke(outer + 8n, 0xffff_ffff_8103_0456n);
    const pages = gather(guest, "stop");
    expect(pages.slice(-2)).toEqual(["ffffffff81020000", "ffffffff81030000"]);
    expect(guest.asked.filter((payload) => payload.startsWith("m"))).toHaveLength(2 * pages.length);
  });

  it("are those of the kernel that registers point to", () => {
    const guest = kernel();
    guest.map(DIRECT + 0x123_4000n);
    guest.map(0x40_0000n);
    guest.registers
      .set("rdi", DIRECT + 0x123_4568n)
      .set("rsi", 0x40_0010n)
      .set("rax", 0xffff_ffff_ffff_fff2n);
    const pages = gather(guest, "stop");
    expect(pages.at(-1)).toBe((DIRECT + 0x123_4000n).toString(16));
    expect(pages).not.toContain("400000");
  });

  it("are those that the client has read lately", () => {
    const guest = kernel();
    guest.map(DIRECT + 0x10_0000n, 4);
    const reads = new ClientReads();
    reads.noted([`m${(DIRECT + 0x10_0ff8n).toString(16)},10`]);
    reads.stopped(false);
    reads.missed([DIRECT + 0x10_3000n]);
    reads.stopped(false);
    const pages = gather(guest, "stop", reads);
    expect(pages.slice(4)).toEqual(["ffff888000103000", "ffff888000101000", "ffff888000100000"]);
  });

  it("after a step are the place, the stack's top and what was read before; then the callers", () => {
    const guest = kernel();
    guest.registers.set("rbp", STACK + 0x20n);
    guest.poke(STACK + 0x20n, 1n);
    guest.poke(STACK + 0x28n, 0xffff_ffff_8102_0123n);
    guest.map(DIRECT + 0x10_0000n);
    const reads = new ClientReads();
    reads.missed([DIRECT + 0x10_0000n]);
    reads.stopped(true);
    expect(gather(guest, "step", reads)).toEqual([
      ...["ffffffff81000000", "ffffc90000001000", "ffff888000100000", "ffffffff81020000"],
    ]);
  });

  it("after a write are those that the client has read at this stop", () => {
    const guest = kernel();
    guest.map(DIRECT + 0x10_0000n);
    const reads = new ClientReads();
    reads.missed([DIRECT + 0x10_0000n]);
    expect(gather(guest, "write", reads)).toEqual(["ffffffff81000000", "ffffc90000001000", "ffff888000100000"]);
  });

  it("are almost none where the line is short", () => {
    const guest = kernel();
    const reads = new ClientReads();
    reads.missed([0, 1, 2, 3].map((n) => 0xffff_ffff_8100_0000n + BigInt(n) * 4_096n));
    reads.stopped(true);
    expect(gather(guest, "nearby", reads)).toHaveLength(STEP_PAGES_NEARBY_MAX);
  });

  it("are no more than the budget allows, and after its time no more than were being read together", () => {
    const guest = kernel();
    expect(gather(guest, "stop", undefined, new Budget(2, 1_000, () => 0))).toHaveLength(2);
    let nowMs = 0;
    guest.onPacket = () => {
      nowMs += 1;
    };
    const inTime = gather(guest, "stop", undefined, new Budget(BUNDLE_PAGES_MAX, 3, () => nowMs));
    expect(inTime.length).toBeLessThanOrEqual(PAGES_TOGETHER_MAX);
  });

  it("are never those where reading may have an effect, whatever registers and habits say", () => {
    const guest = kernel();
    const devices = [0xffff_c900_0010_0000n, 0xffff_ea00_0000_0000n, 0xffff_ffff_ff5f_c000n, DIRECT + 0xa_0000n];
    for (const page of devices) guest.map(page);
    const reads = new ClientReads();
    reads.missed(devices);
    reads.stopped(false);
    for (const [i, name] of ["rax", "rbx", "rcx", "rdx"].entries()) guest.registers.set(name, devices[i] ?? 0n);
    gather(guest, "stop", reads);
    for (const page of devices) expect(guest.pagesAsked).not.toContain(page);
  });

  it("are none where registers could not be read", () => {
    const guest = kernel();
    const view = { arch: guest.arch, stop: { registers: null }, kind: "stop" as const, reads: new ClientReads() };
    const pages = new StopPages(() => true);
    guest.run(gatherBundle({ ...view, pages, budget: new Budget(9, 9, () => 0) }));
    expect(guest.asked).toEqual([]);
  });

  it("of an i386 machine follow its registers and its map", () => {
    const guest = new GuestModel("i386");
    guest.map(0xc100_0000n, 8);
    guest.map(0xc1f0_0000n, 4);
    guest.map(0xc480_0000n);
    guest.registers.set("eip", 0xc100_0800n).set("esp", 0xc1f0_2f00n).set("eax", 0xc480_0010n);
    expect(gather(guest, "stop")).toEqual(["c1000000", "c1f02000", "c1f03000"]);
  });
});
