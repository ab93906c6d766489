import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Decoder } from "./decoder.ts";
import { encodeNotification, encodePacket } from "./encoder.ts";
import type { Frame } from "./frame.ts";
import { PACKET_BYTES_MAX } from "./limits.ts";

const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

function framesOf(chunks: Iterable<Uint8Array>, runLength = true, bytesMax = PACKET_BYTES_MAX): Frame[] {
  const frames: Frame[] = [];
  const decoder = new Decoder({ runLength, bytesMax });
  for (const chunk of chunks) decoder.push(chunk, (frame) => frames.push(frame));
  return frames;
}

/** A frame with a right checksum around a raw body. */
function framed(body: string, lead = "$"): string {
  const sum = [...bytes(body)].reduce((total, byte) => total + byte, 0) & 0xff;
  return `${lead}${body}#${sum.toString(16).padStart(2, "0")}`;
}

const isSpecial = (byte: number): boolean => [0x23, 0x24, 0x2a, 0x7d].includes(byte);

/** A body with its runs of four and more shortened, as gdbserver does it: whatever the bytes mean. */
function withRuns(raw: readonly number[]): string {
  let body = "";
  for (let at = 0; at < raw.length; ) {
    const byte = raw[at] ?? 0;
    let more = 0;
    while (more < 97 && raw[at + 1 + more] === byte) more += 1;
    while (more + 29 === 0x23 || more + 29 === 0x24) more -= 1;
    body += String.fromCharCode(byte);
    if (more >= 3) body += `*${String.fromCharCode(more + 29)}`;
    at += more >= 3 ? more + 1 : 1;
  }
  return body;
}

const packet = (payload: string): Frame => ({ kind: "packet", payload });
const payloads = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });

describe("Decoder", () => {
  it("gives back a notification that the encoder framed, escapes and all", () => {
    fc.assert(
      fc.property(payloads, (payload) => {
        expect(framesOf([encodeNotification(payload)])).toEqual([{ kind: "notification", payload }]);
      }),
    );
  });

  it("gives back every payload that the encoder framed, however the stream is split", () => {
    fc.assert(
      fc.property(fc.array(payloads, { maxLength: 5 }), fc.array(fc.nat(40)), fc.boolean(), (texts, cuts, runs) => {
        const stream = Buffer.concat(texts.map((text) => encodePacket(text)));
        const chunks: Uint8Array[] = [];
        let at = 0;
        for (const cut of cuts) {
          chunks.push(stream.subarray(at, at + cut));
          at += cut;
        }
        chunks.push(stream.subarray(at));
        expect(framesOf(chunks, runs)).toEqual(texts.map(packet));
      }),
    );
  });

  it("reads a stream split at every byte like the whole one", () => {
    const stream = bytes(
      `+${framed("g")}\x03${framed("m1,2")}-${framed("Stop:T05", "%")}${framed("0* ")}${framed("a}\x03b")}${framed("a\x03")}$g$OK#9a`,
    );
    const whole = framesOf([stream]);
    expect(whole).toEqual([
      { kind: "ack" },
      packet("g"),
      { kind: "interrupt" },
      packet("m1,2"),
      { kind: "nak" },
      { kind: "notification", payload: "Stop:T05" },
      packet("0000"),
      packet("a#b"),
      packet("a\x03"),
      { kind: "damaged", why: "restarted" },
      packet("OK"),
    ]);
    for (let at = 0; at <= stream.length; at += 1) {
      expect(framesOf([stream.subarray(0, at), stream.subarray(at)])).toEqual(whole);
    }
    expect(framesOf([...stream].map((byte) => Uint8Array.of(byte)))).toEqual(whole);
  });

  it("takes `*` from gdb as data and from a stub as a run", () => {
    const run = bytes("$0* #7a");
    expect(framesOf([run], false)).toEqual([packet("0* ")]);
    expect(framesOf([run], true)).toEqual([packet("0000")]);
  });

  it("repeats the byte before a run as it stood in the stream, also where that was escaped", () => {
    // What gdbserver sends for `*` and five line feeds: it makes runs of what it has escaped before.
    expect(framesOf([bytes(framed('}\n*"'))])).toEqual([packet("*\n\n\n\n\n")]);
    expect(framesOf([bytes(framed("}\x03*~a"))])).toEqual([packet(`#${"\x03".repeat(97)}a`)]);
  });

  it("reads binary replies as gdb does: runs first, escapes after them", () => {
    const runs = fc.tuple(fc.constantFrom(0x2a, 0x0a, 0x23, 0x03, 0x7d, 0x5d, 0x61), fc.integer({ min: 1, max: 120 }));
    fc.assert(
      fc.property(fc.array(runs, { maxLength: 12 }), (binary) => {
        const data = binary.flatMap(([byte, times]) => Array.from({ length: times }, () => byte));
        const escaped = data.flatMap((byte) => (isSpecial(byte) ? [0x7d, byte ^ 0x20] : [byte]));
        const payload = String.fromCharCode(...data);
        expect(framesOf([bytes(framed(withRuns(escaped)))])).toEqual([packet(payload)]);
      }),
    );
  });

  it.each([
    ["a wrong checksum", "$g#00", "checksum"],
    ["no checksum digits", "$g#zz", "checksum"],
    ["an escape at the end", "$g}#e4", "escape"],
    ["a run at the end", "$g*#91", "run_length"],
    ["a run of nothing", "$* #4a", "run_length"],
    ["a run that is too short", "$0*\x1d#77", "run_length"],
    ["a run byte above 126", "$0*\xff#59", "run_length"],
    ["a packet in a packet", "$abc", "restarted"],
    ["a packet in a checksum", "$abc#1", "restarted"],
  ] as const)("reports %s and goes on at the next packet", (_name, broken, why) => {
    expect(framesOf([bytes(`${broken}$OK#9a`)])).toEqual([{ kind: "damaged", why }, packet("OK")]);
  });

  it("drops what is too long, also by a run, without taking its bytes for interrupts", () => {
    const long = `$${"a".repeat(11)}\x03+-\x03#00\x03`;
    expect(framesOf([bytes(`${long}$OK#9a`)], true, 10)).toEqual([
      { kind: "damaged", why: "too_long" },
      { kind: "interrupt" },
      packet("OK"),
    ]);
    expect(framesOf([bytes("$0*~#d8$OK#9a")], true, 10)).toEqual([{ kind: "damaged", why: "too_long" }, packet("OK")]);
  });

  it("never throws, never holds more than the limit and always recovers", () => {
    const pieces = fc.oneof(
      fc.uint8Array({ maxLength: 50 }),
      fc.constantFrom(..."$#}*%\x03+-").map(bytes),
      fc.nat(3_000).map((length) => bytes("a".repeat(length))),
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), fc.boolean(), (chunks, runLength) => {
        const decoder = new Decoder({ runLength, bytesMax: 1_000 });
        const frames: Frame[] = [];
        for (const chunk of chunks) {
          decoder.push(chunk, (frame) => frames.push(frame));
          expect(decoder.heldBytes).toBeLessThanOrEqual(1_000);
        }
        for (const frame of frames) if ("payload" in frame) expect(frame.payload.length).toBeLessThanOrEqual(1_000);
        decoder.push(encodePacket("OK"), (frame) => frames.push(frame));
        expect(frames.at(-1)).toEqual(packet("OK"));
      }),
    );
  });

  it("swallows a megabyte without a packet's end within the limit", () => {
    const decoder = new Decoder({ runLength: true });
    const frames: Frame[] = [];
    decoder.push(bytes("$"), (frame) => frames.push(frame));
    for (let i = 0; i < 16; i += 1) decoder.push(new Uint8Array(65_536).fill(0x61), (frame) => frames.push(frame));
    expect(frames).toEqual([{ kind: "damaged", why: "too_long" }]);
    expect(decoder.heldBytes).toBe(PACKET_BYTES_MAX);
  });

  it("counts bytes that stand outside any packet", () => {
    const decoder = new Decoder({ runLength: false });
    decoder.push(bytes("GET / HTTP/1.1\r\n"), () => undefined);
    expect(decoder.ignoredBytes).toBe(16);
  });
});
