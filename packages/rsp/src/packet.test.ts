import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addressOfHex, bytesOfHex, hexOfBytes, littleEndianOfHex } from "./hex.ts";
import { type Packet, parsePacket } from "./packet.ts";

describe("parsePacket", () => {
  const rows: ReadonlyArray<readonly [string, Packet]> = [
    ["g", { kind: "g" }],
    ["G00ff", { kind: "G", values: "00ff" }],
    ["p10", { kind: "p", register: 16 }],
    ["P10=0a00", { kind: "P", register: 16, value: "0a00" }],
    ["mffffffff81000000,40", { kind: "m", address: 0xffffffff81000000n, length: 64 }],
    ["M10,2:abcd", { kind: "M", address: 16n, length: 2, data: "abcd" }],
    ["X10,1:\n", { kind: "X", address: 16n, length: 1, data: "\n" }],
    ["Z0,10,1", { kind: "Z", type: "software", address: 16n, length: 1, extra: "" }],
    ["z4,10,8", { kind: "z", type: "access", address: 16n, length: 8, extra: "" }],
    ["Z0,10,1;X2,0102", { kind: "Z", type: "software", address: 16n, length: 1, extra: "X2,0102" }],
    ["c", { kind: "resume", action: "continue", signal: null, at: null }],
    ["s10", { kind: "resume", action: "step", signal: null, at: 16n }],
    ["C05;10", { kind: "resume", action: "continue", signal: "05", at: 16n }],
    ["vCont?", { kind: "vCont?" }],
    [
      "vCont;s:1;C05:-1",
      {
        kind: "vCont",
        actions: [
          { action: "step", signal: null, thread: "1" },
          { action: "continue", signal: "05", thread: "-1" },
        ],
      },
    ],
    [
      "vCont;r1000,10Ff:1;c",
      {
        kind: "vCont",
        actions: [
          { action: "range", start: 0x1000n, end: 0x10ffn, signal: null, thread: "1" },
          { action: "continue", signal: null, thread: null },
        ],
      },
    ],
    ["vCont;r1000", { kind: "unknown" }],
    ["vCont;r11111111111111111,1", { kind: "unknown" }],
    ["bs", { kind: "reverse", action: "step" }],
    ["Hg0", { kind: "H", operation: "g", thread: "0" }],
    ["Hc-1", { kind: "H", operation: "c", thread: "-1" }],
    ["T1", { kind: "T", thread: "1" }],
    ["qThreadExtraInfo,1", { kind: "qThreadExtraInfo", thread: "1" }],
    ["qSupported:a+;b=1", { kind: "qSupported", features: ["a+", "b=1"] }],
    ["?", { kind: "?" }],
    ["qAttached:1", { kind: "qAttached" }],
    [
      "qXfer:features:read:target.xml:0,ffb",
      { kind: "qXfer", object: "features", operation: "read", annex: "target.xml", offset: 0, length: 0xffb },
    ],
    ["qRcmd,68656c70", { kind: "qRcmd", command: "help" }],
    ["qRcmd,6", { kind: "qRcmd", command: null }],
    ["qrCMD;x", { kind: "qRcmd", command: null }],
    ["D", { kind: "D" }],
    ["D;1", { kind: "D" }],
    ["k", { kind: "k" }],
    ["vKill;1", { kind: "vKill" }],
    ["R00", { kind: "R" }],
    ["vRun;00", { kind: "vRun" }],
    ["F1,2", { kind: "F" }],
    ["vFile:setfs:0", { kind: "vFile", request: { operation: "setfs", process: 0 } }],
    ["vFile:open:2f61,0,1c0", { kind: "vFile", request: { operation: "open", path: "/a", flags: 0, mode: 0x1c0 } }],
    ["vFile:pread:1,1000,20", { kind: "vFile", request: { operation: "pread", handle: 1, length: 4096, offset: 32 } }],
    ["vFile:close:a", { kind: "vFile", request: { operation: "close", handle: 10 } }],
    ["vFile:fstat:0", { kind: "vFile", request: { operation: "fstat", handle: 0 } }],
    ["vFile:stat:2f", { kind: "vFile", request: { operation: "stat", path: "/" } }],
    ["vFile:readlink:2f", { kind: "vFile", request: { operation: "readlink", path: "/" } }],
    ["vFile:unlink:2f", { kind: "vFile", request: { operation: "unlink", path: "/" } }],
    ["vFile:pwrite:0,0,abc,def", { kind: "vFile", request: { operation: "pwrite", handle: 0 } }],
    ["vFile:open:00", { kind: "vFile", request: { operation: "other" } }],
    ["vFile:open:0,0,0", { kind: "vFile", request: { operation: "other" } }],
    ["vFile:pread:0,1", { kind: "vFile", request: { operation: "other" } }],
    ["vFile", { kind: "vFile", request: { operation: "other" } }],
    ["Qqemu.PhyMemMode:1", { kind: "qemu" }],
    ["", { kind: "unknown" }],
    ["M10,2:ab", { kind: "unknown" }],
    ["m10", { kind: "unknown" }],
    ["g\n", { kind: "unknown" }],
    ["vCont;c:1;evil", { kind: "unknown" }],
    ["m11111111111111111,1", { kind: "unknown" }],
  ];

  it.each(rows)("reads %j", (payload, packet) => {
    expect(parsePacket(payload)).toEqual(packet);
  });

  it("never throws", () => {
    const heads = fc.constantFrom(
      "",
      "m",
      "M",
      "Z0,",
      "vCont;",
      "qXfer:",
      "qRcmd,",
      "vFile:open:",
      "vFile:pread:",
      "H",
      "qSupported:",
      "P",
      "G",
    );
    fc.assert(
      fc.property(heads, fc.string({ unit: "binary" }), (head, rest) => {
        expect(typeof parsePacket(head + rest).kind).toBe("string");
      }),
    );
  });
});

describe("hex", () => {
  it("goes there and back", () => {
    const texts = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });
    fc.assert(
      fc.property(texts, (text) => {
        expect(bytesOfHex(hexOfBytes(text))).toBe(text);
      }),
    );
    const words = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(words, (word) => {
        expect(addressOfHex(word.toString(16))).toBe(word);
        const pairs = word.toString(16).padStart(16, "0").match(/../g) ?? [];
        expect(littleEndianOfHex(pairs.reverse().join(""))).toBe(word);
      }),
    );
  });

  it("refuses what is no hex", () => {
    for (const text of ["0", "0g", "+1", "0x"]) expect(bytesOfHex(text)).toBe(text === "" ? "" : null);
    expect(addressOfHex("")).toBeNull();
    expect(littleEndianOfHex("xx")).toBeNull();
  });
});
