import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameError } from "./frame.ts";
import { LINE_BYTES, PAGE_BYTES, PAGES_KEPT_MAX } from "./limits.ts";
import { PageReceiver } from "./page-receiver.ts";
import { PageSender } from "./page-sender.ts";
import { bytesOfHead, linesOfMask, maskOfLines } from "./pages.ts";

const page = (fill: number): Uint8Array => new Uint8Array(PAGE_BYTES).fill(fill);

/** Sends pages as one message and gives them as they arrive. */
function carry(sender: PageSender, receiver: PageReceiver, pages: Parameters<PageSender["encode"]>[0]) {
  const { heads, bytes } = sender.encode(pages);
  return { heads, arrived: receiver.take(heads, Buffer.concat(bytes)) };
}

/** A version of a page: which, what it begins as, and bytes that differ. */
const version = fc.record({
  at: fc.integer({ min: 0, max: 6 }).map((n) => (n * PAGE_BYTES).toString(16)),
  fill: fc.integer({ min: 0, max: 2 }),
  changes: fc.array(fc.tuple(fc.integer({ min: 0, max: PAGE_BYTES - 1 }), fc.integer({ min: 0, max: 255 })), {
    maxLength: 80,
  }),
});

describe("pages over a link", () => {
  it("arrive byte for byte, whatever came before", () => {
    fc.assert(
      fc.property(fc.array(fc.array(version, { maxLength: 8 }), { maxLength: 12 }), (messages) => {
        const [sender, receiver] = [new PageSender(), new PageReceiver()];
        for (const versions of messages) {
          const pages = versions.map(({ at, fill, changes }) => {
            const bytes = page(fill);
            for (const [offset, value] of changes) bytes[offset] = value;
            return { at, bytes };
          });
          const { arrived } = carry(sender, receiver, pages);
          expect(arrived.map(({ at }) => at)).toEqual(pages.map(({ at }) => at));
          for (const [i, { bytes }] of arrived.entries()) {
            expect(Buffer.compare(bytes, pages[i]?.bytes ?? new Uint8Array())).toBe(0);
          }
        }
      }),
    );
  });

  it("arrive when more were sent than are kept, and both ends keep as many", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: PAGES_KEPT_MAX + 40 }), { minLength: 700, maxLength: 900 }),
        (all) => {
          const [sender, receiver] = [new PageSender(), new PageReceiver()];
          for (const n of all) {
            const sent = { at: (n * PAGE_BYTES).toString(16), bytes: page(n % 3) };
            const { arrived } = carry(sender, receiver, [sent]);
            expect(Buffer.compare(arrived[0]?.bytes ?? new Uint8Array(), sent.bytes)).toBe(0);
          }
          expect(sender.size).toBe(receiver.size);
          expect(sender.size).toBeLessThanOrEqual(PAGES_KEPT_MAX);
        },
      ),
      { numRuns: 5 },
    );
  });

  it("travel as what has changed", () => {
    const [sender, receiver] = [new PageSender(), new PageReceiver()];
    const first = page(1);
    const second = Uint8Array.from(first);
    second[3 * LINE_BYTES] = 9;
    second[PAGE_BYTES - 1] = 9;
    const heads = [first, second, Uint8Array.from(second), page(7)].map(
      (bytes) => carry(sender, receiver, [{ at: "1000", bytes }]).heads[0],
    );
    expect(heads).toEqual([
      { as: "full", at: "1000" },
      { as: "lines", at: "1000", lines: "8000000000000008" },
      { as: "same", at: "1000" },
      { as: "full", at: "1000" },
    ]);
  });

  it("that were given stay as they were when a change follows", () => {
    const [sender, receiver] = [new PageSender(), new PageReceiver()];
    const [before] = carry(sender, receiver, [{ at: "0", bytes: page(1) }]).arrived;
    const changed = page(1);
    changed[5] = 2;
    carry(sender, receiver, [{ at: "0", bytes: changed }]);
    expect(before?.bytes).toEqual(page(1));
  });

  it("are no more than what was sent: other messages are refused", () => {
    const receiver = new PageReceiver();
    const full = { as: "full", at: "1000" } as const;
    expect(() => receiver.take([{ as: "same", at: "1000" }], new Uint8Array())).toThrow(FrameError);
    expect(() =>
      receiver.take([{ as: "lines", at: "1000", lines: "1".padStart(16, "0") }], new Uint8Array(64)),
    ).toThrow(FrameError);
    expect(() => receiver.take([full], new Uint8Array(PAGE_BYTES - 1))).toThrow(FrameError);
    expect(() => receiver.take([full], new Uint8Array(PAGE_BYTES + 1))).toThrow(FrameError);
    expect(() => receiver.take([], new Uint8Array(1))).toThrow(FrameError);
  });

  it("do not stay in memory through the message that brought them", () => {
    const receiver = new PageReceiver();
    const message = new Uint8Array(4 * PAGE_BYTES);
    const [taken] = receiver.take([{ as: "full", at: "0" }], message.subarray(0, PAGE_BYTES));
    expect(taken?.bytes.buffer.byteLength).toBe(PAGE_BYTES);
  });

  it("name their lines by a mask", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 63 })), (some) => {
        const lines = some.toSorted((a, b) => a - b);
        expect(linesOfMask(maskOfLines(lines))).toEqual(lines);
        expect(bytesOfHead({ as: "lines", at: "0", lines: maskOfLines(lines) })).toBe(lines.length * LINE_BYTES);
      }),
    );
  });
});
