import { Decoder, encodeNotification, encodePacket, type Frame } from "@ringside/rsp";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Recoder } from "./recoder.ts";

const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const textOf = (data: Uint8Array) => Buffer.from(data).toString("latin1");

function framesOf(data: Uint8Array): Frame[] {
  const frames: Frame[] = [];
  new Decoder({ runLength: true }).push(data, (frame) => frames.push(frame));
  return frames;
}

const anyText = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });
const anyFrame: fc.Arbitrary<Uint8Array> = fc.oneof(
  anyText.map(encodePacket),
  anyText.map(encodeNotification),
  fc.constantFrom("+", "-", "\x03").map(bytes),
);

describe("Recoder", () => {
  it("passes every frame of both sides, in order, however the stream is split", () => {
    fc.assert(
      fc.property(
        fc.array(anyFrame, { maxLength: 8 }),
        fc.array(fc.nat(30)),
        fc.constantFrom("gdb" as const, "stub" as const),
        (frames, cuts, from) => {
          const stream = Buffer.concat(frames);
          const recoder = new Recoder(from);
          const onward: Uint8Array[] = [];
          let at = 0;
          for (const cut of [...cuts, stream.length]) {
            const { onward: part, back } = recoder.push(stream.subarray(at, at + cut));
            onward.push(part);
            expect(back).toHaveLength(0);
            at += cut;
          }
          expect(framesOf(Buffer.concat(onward))).toEqual(framesOf(stream));
          expect(recoder.counts.damaged + recoder.counts.strayBytes).toBe(0);
        },
      ),
    );
  });

  it("sends a stub's runs plain", () => {
    expect(textOf(new Recoder("stub").push(bytes("+$0* #7a")).onward)).toBe("+$0000#c0");
  });

  it("answers a damaged packet itself and passes what follows", () => {
    const recoder = new Recoder("stub");
    const { onward, back } = recoder.push(bytes("$OK#00junk$OK#9a"));
    expect([textOf(onward), textOf(back)]).toEqual(["$OK#9a", "-"]);
    expect(recoder.counts).toMatchObject({ packets: 1, damaged: 1, strayBytes: 4 });
  });
});
