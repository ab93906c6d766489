import { PAGE_BYTES } from "@ringside/link";
import { describe, expect, it } from "vitest";
import { AHEAD_FIRST_PAGES_MAX, AHEAD_PAGES_MAX, CHASE_NODES_MAX, CHASE_PAGES_MAX } from "../limits.ts";
import { GuestModel } from "../testing/guest-model.ts";
import { Budget } from "./budget.ts";
import type { ClientRead } from "./client-reads.ts";
import { chaseList } from "./list-chase.ts";
import { ReadAhead } from "./read-ahead.ts";
import { StopPages } from "./stop-pages.ts";

const RAM = 0xffff_8880_0100_0000n;
const PAGE = BigInt(PAGE_BYTES);
const budget = (pages: number): Budget => new Budget(pages, 1_000, () => 0);
const pageOf = (address: bigint): bigint => address - (address % PAGE);

/** A client that reads byte after byte, and how often it must wait. */
function misses(guest: GuestModel, addresses: Iterable<bigint>, first: boolean): number {
  const pages = new StopPages(() => true);
  const ahead = new ReadAhead();
  let count = 0;
  for (const address of addresses) {
    const page = pageOf(address);
    if (pages.get(page) !== null) continue;
    count += 1;
    guest.run(pages.read(page));
    guest.run(ahead.after([page], first, pages, budget(AHEAD_PAGES_MAX)));
  }
  return count;
}

function* sequence(from: bigint, bytes: number): Generator<bigint> {
  for (let at = 0; at < bytes; at += 512) yield from + BigInt(at);
}

describe("reading ahead", () => {
  it("brings a mebibyte that is read in sequence in a dozen rounds", () => {
    const guest = new GuestModel();
    guest.map(RAM, 300);
    expect(misses(guest, sequence(RAM, 1024 * 1024), true)).toBeLessThanOrEqual(13);
    expect(misses(guest, sequence(RAM, 1024 * 1024), false)).toBeLessThanOrEqual(14);
  });

  it("follows several sequences that take turns", () => {
    const guest = new GuestModel();
    const starts = [RAM, RAM + 0x100_0000n, RAM + 0x200_0000n];
    for (const start of starts) guest.map(start, 16);
    const turns = Array.from({ length: 64 }, (_, i) => starts.map((start) => start + BigInt(i * 512))).flat();
    expect(misses(guest, turns, true)).toBe(6);
  });

  it("brings nothing beside single pages here and there where that is not wanted", () => {
    const guest = new GuestModel();
    const places = Array.from({ length: 20 }, (_, i) => RAM + BigInt(i) * 16n * PAGE);
    for (const place of places) guest.map(place, 4);
    misses(guest, places, false);
    expect(guest.pagesAsked).toHaveLength(places.length);
    expect(AHEAD_FIRST_PAGES_MAX).toBeLessThan(16);
  });

  it("ends where memory ends", () => {
    const guest = new GuestModel();
    guest.map(RAM, 2);
    expect(misses(guest, [RAM], true)).toBe(1);
    const together = Array.from({ length: AHEAD_FIRST_PAGES_MAX }, (_, n) => RAM + BigInt(n + 1) * PAGE);
    expect(guest.pagesAsked).toEqual([RAM, ...together]);
  });
});

/** A walk as gdb's scripts do it: what is read of each node, and how often pages must be waited for. */
function walk(guest: GuestModel, nodes: number, readsOf: (node: number) => readonly ClientRead[]): number {
  const pages = new StopPages((page) => guest.pages.has(page));
  const reads: ClientRead[] = [];
  let count = 0;
  for (let node = 0; node < nodes; node += 1) {
    for (const read of readsOf(node)) {
      const missed = pageOf(read.address);
      if (pages.get(missed) === null) {
        count += 1;
        guest.run(pages.read(missed));
        guest.run(chaseList({ reads, missed, pointerBytes: 8, pages, budget: budget(CHASE_PAGES_MAX) }));
      }
      reads.push(read);
    }
  }
  return count;
}

describe("chasing a list", () => {
  const TASKS = 0x3f0n;
  const task = (n: number): bigint => RAM + BigInt(((n * 7) % 41) * 5) * PAGE + 0x940n;

  function taskList(length: number): GuestModel {
    const guest = new GuestModel();
    for (let n = 0; n < length; n += 1) guest.map(task(n), 3);
    for (let n = 0; n < length; n += 1) guest.poke(task(n) + TASKS, task((n + 1) % length) + TASKS);
    return guest;
  }

  const readsOfTask = (n: number): readonly ClientRead[] => [
    { address: task(n) + TASKS + 0x300n, length: 16 },
    { address: task(n) + TASKS + 0xa0n, length: 4 },
    { address: task(n) + TASKS, length: 8 },
  ];

  it("follows Linux's lists with the fields that were read of each node", () => {
    // The first has its fields on two pages; the second shows the way.
    expect(walk(taskList(20), 20, readsOfTask)).toBeLessThanOrEqual(3);
  });

  it("is not led astray by an empty list in each node", () => {
    const guest = taskList(20);
    const empty = (n: number): bigint => task(n) + TASKS + 0x130n;
    for (let n = 0; n < 20; n += 1) guest.poke(empty(n), empty(n));
    const reads = (n: number) => [
      { address: empty(n), length: 8 },
      { address: task(n) + TASKS, length: 8 },
    ];
    expect(walk(guest, 20, reads)).toBeLessThanOrEqual(2);
  });

  it("follows pointers to a structure's start", () => {
    const guest = new GuestModel();
    const NEXT = 0x18n;
    for (let n = 0; n < 30; n += 1) guest.map(task(n));
    for (let n = 0; n < 30; n += 1) guest.poke(task(n) + NEXT, n === 29 ? 0n : task(n + 1));
    const reads = (n: number) => [
      { address: task(n), length: 4 },
      { address: task(n) + NEXT, length: 8 },
    ];
    expect(walk(guest, 30, reads)).toBeLessThanOrEqual(4);
  });

  it("follows a field through a pointer in each node", () => {
    const guest = taskList(12);
    const signal = (n: number): bigint => RAM + 0x80_0000n + BigInt(n) * 3n * PAGE;
    for (let n = 0; n < 12; n += 1) {
      guest.map(signal(n));
      guest.poke(task(n) + TASKS + 0x100n, signal(n));
    }
    const reads = (n: number) => [
      { address: task(n) + TASKS + 0x100n, length: 8 },
      { address: signal(n) + 0x10n, length: 8 },
      { address: task(n) + TASKS, length: 8 },
    ];
    expect(walk(guest, 12, reads)).toBeLessThanOrEqual(3);
  });

  it("ends at a circle, at what is no memory, and at its limits", () => {
    const circle = taskList(3);
    walk(circle, 3, readsOfTask);
    expect(circle.pagesAsked.length).toBeLessThanOrEqual(9);
    const long = new GuestModel();
    const at = (n: number): bigint => RAM + BigInt(n) * PAGE;
    for (let n = 0; n < 500; n += 1) long.poke(at(n), at(n + 1));
    walk(long, 2, (n) => [{ address: at(n), length: 8 }]);
    expect(long.pagesAsked.length).toBeLessThanOrEqual(CHASE_NODES_MAX + 2);
    const wild = new GuestModel();
    wild.poke(at(0), at(1));
    wild.poke(at(1), 0xffff_c900_dead_0000n);
    walk(wild, 2, (n) => [{ address: at(n), length: 8 }]);
    expect(wild.pagesAsked).toEqual([at(0), at(1)]);
  });

  it("reads nothing where no pointer led to the missed page", () => {
    const guest = taskList(20);
    walk(guest, 2, (n) => [{ address: RAM + BigInt(n * 3) * PAGE, length: 8 }]);
    expect(guest.pagesAsked.length).toBeLessThanOrEqual(2);
  });
});
