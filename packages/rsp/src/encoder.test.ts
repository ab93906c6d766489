import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Decoder } from "./decoder.ts";
import { encodePacket, encodeReply } from "./encoder.ts";
import type { Frame } from "./frame.ts";

function decoded(bytes: Uint8Array): readonly Frame[] {
  const frames: Frame[] = [];
  new Decoder({ runLength: true }).push(bytes, (frame) => frames.push(frame));
  return frames;
}

/** Payloads with runs of all lengths, and with bytes that must be escaped. */
const payloads = fc
  .array(fc.tuple(fc.constantFrom(..."0f9aX;:#$*}+-\u0003\u00ff"), fc.integer({ min: 1, max: 220 })), { maxLength: 12 })
  .map((runs) => runs.map(([character, count]) => character.repeat(count)).join(""));

describe("a reply with run lengths", () => {
  it("means what the payload says, and is no longer than one without run lengths", () => {
    fc.assert(
      fc.property(payloads, (payload) => {
        const reply = encodeReply(payload);
        expect(decoded(reply)).toEqual([{ kind: "packet", payload }]);
        expect(reply.length).toBeLessThanOrEqual(encodePacket(payload).length);
      }),
    );
  });

  it("has no `#` or `$` in its body, nor a count that reads as an acknowledgement", () => {
    for (let count = 1; count <= 220; count += 1) {
      const body = Buffer.from(encodeReply("0".repeat(count)))
        .toString("latin1")
        .slice(1, -3);
      expect(body).not.toMatch(/[#$]|\*[+-]/);
    }
  });

  it("is written as the manual writes it", () => {
    const text = (payload: string) => Buffer.from(encodeReply(payload)).toString("latin1");
    expect(text("0000")).toBe("$0* #7a");
    expect(text("000")).toBe("$000#90");
    expect(text("OK")).toBe("$OK#9a");
    expect(text(`${"0".repeat(7)}1`)).toBe('$0*"01#dd');
  });
});

describe("a packet in pieces", () => {
  it("is the same frame as in one", () => {
    fc.assert(
      fc.property(payloads, fc.boolean(), (payload, runLength) => {
        const bytes = runLength ? encodeReply(payload) : encodePacket(payload);
        const frames: Frame[] = [];
        const decoder = new Decoder({ runLength: true });
        for (const byte of bytes) decoder.push(Uint8Array.of(byte), (frame) => frames.push(frame));
        expect(frames).toEqual(decoded(bytes));
      }),
    );
  });
});
