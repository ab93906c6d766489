import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseStopReply } from "./stop-reply.ts";

describe("parseStopReply", () => {
  it("reads QEMU's replies", () => {
    expect(parseStopReply("T05thread:01;")).toEqual({ kind: "signal", signal: 5, thread: "01", watch: null });
    expect(parseStopReply("T05thread:01;awatch:ffff8880;")).toEqual({
      kind: "signal",
      signal: 5,
      thread: "01",
      watch: { access: "access", address: 0xffff8880n },
    });
    expect(parseStopReply("S05")).toEqual({ kind: "signal", signal: 5, thread: null, watch: null });
    expect(parseStopReply("W00")).toEqual({ kind: "exited", status: 0 });
    expect(parseStopReply("X09")).toEqual({ kind: "terminated", signal: 9 });
  });

  it("takes nothing else for one", () => {
    for (const payload of ["", "OK", "E22", "T", "T5", "Txx", "O4142", "S0505"]) {
      expect(parseStopReply(payload)).toBeNull();
    }
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(parseStopReply(`T05${text}`)?.kind).toBe("signal");
      }),
    );
  });
});
