import { RingsideError } from "@ringside/shared";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  composeStateStream,
  GUEST_PAGE_BYTES,
  memoryBlock,
  parseStateStream,
  type StreamPage,
} from "./state-stream.ts";

const SECTION = 2;
const MEMORY_PAGES = 256;
const u32 = (value: number) => Buffer.from([value >>> 24, value >>> 16, value >>> 8, value].map((byte) => byte & 0xff));
const u64 = (value: number) => Buffer.concat([u32(0), u32(value)]);
const name = (text: string) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
const footer = Buffer.concat([Buffer.from([0x7e]), u32(SECTION)]);
const END = u64(0x10);
const BLOCKS = [
  { name: "ram", bytes: MEMORY_PAGES * GUEST_PAGE_BYTES },
  { name: "pc.bios", bytes: 2 * GUEST_PAGE_BYTES },
];
const TAIL = Buffer.from([4, 0, 0, 0, 9, 0]);

/** As QEMU writes it; each group of pages is a section of its own. */
function written(groups: readonly (readonly StreamPage[])[]): Buffer {
  const total = BLOCKS.reduce((sum, block) => sum + block.bytes, 0);
  const blocks = BLOCKS.flatMap((block) => [name(block.name), u64(block.bytes), u64(0)]);
  const parts = groups.flatMap((pages, n) => [
    Buffer.from([n === groups.length - 1 ? 3 : 2]),
    u32(SECTION),
    ...pages.flatMap(({ block, address, content }) =>
      Buffer.isBuffer(content)
        ? [u64(address + 8), name(block), content]
        : [u64(address + 2), name(block), Buffer.from([content.fill])],
    ),
    END,
    footer,
  ]);
  return Buffer.concat([
    ...[Buffer.from("QEVM"), u32(3), Buffer.from([7]), u32(2), Buffer.from("pc")],
    ...[Buffer.from([5]), name("configuration/capabilities"), u32(1), u32(1), name("x-ignore-shared")],
    ...[Buffer.from([1]), u32(SECTION), name("ram"), u32(0), u32(4), u64(total + 4), ...blocks, END, footer],
    ...[...parts, TAIL],
  ]);
}

const pageArbitrary: fc.Arbitrary<StreamPage> = fc
  .tuple(fc.constantFrom(...BLOCKS), fc.nat(), fc.nat({ max: 255 }), fc.boolean())
  .map(([block, where, byte, whole]) => ({
    block: block.name,
    address: (where % block.bytes) & ~(GUEST_PAGE_BYTES - 1),
    content: whole ? Buffer.alloc(GUEST_PAGE_BYTES, byte) : { fill: byte },
  }));
const groupsArbitrary = fc.array(fc.array(pageArbitrary, { maxLength: 4 }), { minLength: 1, maxLength: 3 });

test("pages are found in all parts of the memory, in their order", () => {
  fc.assert(
    fc.property(groupsArbitrary, (groups) => {
      const stream = parseStateStream(written(groups));
      expect(stream.pages).toEqual(groups.flat());
      expect(stream.tail).toEqual(TAIL);
    }),
  );
});

test("a stream put together anew has the pages that were asked for, and nothing else has changed", () => {
  fc.assert(
    fc.property(groupsArbitrary, fc.array(pageArbitrary, { maxLength: 6 }), (groups, pages) => {
      const before = parseStateStream(written(groups));
      const after = parseStateStream(composeStateStream(before, pages));
      expect(after).toEqual({ ...before, pages });
    }),
  );
});

test("whatever bytes come, it is a stream or an error that says so", () => {
  const whole = written([[{ block: "ram", address: GUEST_PAGE_BYTES, content: { fill: 0 } }]]);
  const changed = fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 })).map(([at, byte]) => {
    const bytes = Buffer.from(whole);
    bytes[at] = byte;
    return bytes;
  });
  const cut = fc.nat({ max: whole.length - TAIL.length - 1 }).map((length) => whole.subarray(0, length));
  fc.assert(
    fc.property(fc.oneof(changed, cut), (bytes) => {
      try {
        parseStateStream(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(RingsideError);
      }
    }),
    { numRuns: 1_000 },
  );
  fc.assert(
    fc.property(cut, (bytes) => {
      expect(() => parseStateStream(bytes)).toThrow("ends too early");
    }),
  );
});

test("the guest's memory is the block of its size", () => {
  const stream = parseStateStream(written([[]]));
  expect(memoryBlock(stream, 1)).toBe("ram");
  expect(() => memoryBlock(stream, 64)).toThrow("not one memory");
});

test("a page outside of its block is refused", () => {
  const page = { block: "pc.bios", address: 2 * GUEST_PAGE_BYTES, content: { fill: 0 } };
  expect(() => parseStateStream(written([[page]]))).toThrow("outside of memory");
});
