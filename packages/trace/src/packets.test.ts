import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answerKind, type Request, requestOf, stopReply } from "./packets.ts";

describe("gdb's packets", () => {
  it.each<[string, Request]>([
    ["Z0,ffffffff81200bc0,1", { kind: "breakpoint", insert: true, type: 0, address: 0xffffffff81200bc0n, size: 1 }],
    ["z1,10,4;X3,220027", { kind: "breakpoint", insert: false, type: 1, address: 0x10n, size: 4 }],
    ["Z9,10,4", { kind: "other" }],
    ["Z0,10", { kind: "other" }],
    ["g", { kind: "read_registers", register: null }],
    ["p10", { kind: "read_registers", register: 16 }],
    ["P10=00", { kind: "write_registers", register: 16 }],
    ["G00", { kind: "write_registers", register: null }],
    ["qfThreadInfo", { kind: "prompt" }],
    ["qXfer:threads:read::0,1000", { kind: "prompt" }],
    ["qXfer:threads:read::1000,1000", { kind: "other" }],
    ["mffffffff81200bc0,40", { kind: "read_memory", address: 0xffffffff81200bc0n, bytes: 64 }],
    ["x10,4", { kind: "read_memory", address: 0x10n, bytes: 4 }],
    ["M10,1:00", { kind: "write_memory", address: 0x10n, bytes: 1 }],
    ["X10,2:\x00\xff", { kind: "write_memory", address: 0x10n, bytes: 2 }],
    ["X10,0:", { kind: "other" }],
    ["m12345678901234567,1", { kind: "other" }],
    ["qRcmd,696e666f", { kind: "monitor", command: "info" }],
    ["qRcmd,6", { kind: "other" }],
    ["D", { kind: "detach" }],
    ["D;1", { kind: "detach" }],
    ["Dx", { kind: "other" }],
    ["vCont;c:1", { kind: "resume", moves: false }],
    ["vCont?", { kind: "other" }],
    ["c", { kind: "resume", moves: false }],
    ["cffffffff81200bc0", { kind: "resume", moves: true }],
    ["s10", { kind: "resume", moves: true }],
    ["C05", { kind: "resume", moves: false }],
    ["S05;10", { kind: "resume", moves: true }],
    ["?", { kind: "resume", moves: false }],
    ["", { kind: "other" }],
    ["qSupported:a+", { kind: "other" }],
  ])("%j is read", (data, request) => {
    expect(requestOf(data)).toEqual(request);
  });

  it("of any bytes are read without an error", () => {
    const data = fc
      .tuple(fc.constantFrom("", ..."ZzgGpPmMxXDqcsCSv?"), fc.string({ unit: "binary" }))
      .map((parts) => parts.join(""));
    fc.assert(fc.property(data, (packet) => requestOf(packet).kind.length > 0));
  });
});

describe("answers", () => {
  it.each([
    ["OK", "ok"],
    ["", "empty"],
    ["E14", "error"],
    ["E.no such thing", "error"],
    ["T05thread:01;", "stop"],
    ["W00", "stop"],
    ["O48690a", "output"],
    ["0a0b", "data"],
    ["eeee", "data"],
  ])("%j is %s", (data, kind) => {
    expect(answerKind(data)).toBe(kind);
  });

  it("tell signal and watchpoint", () => {
    expect(stopReply("T05thread:01;watch:ff;")).toEqual({ signal: 5, watch: true });
    expect(stopReply("T05awatch:ff;")).toEqual({ signal: 5, watch: true });
    expect(stopReply("T02thread:01;")).toEqual({ signal: 2, watch: false });
    expect(stopReply("S0b")).toEqual({ signal: 11, watch: false });
    expect(stopReply("W00")).toEqual({ signal: null, watch: false });
  });
});
