import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { withRegisters } from "./expedited.ts";
import { REGISTER_LAYOUTS, type RegisterArch } from "./registers.ts";
import { parseStopReply } from "./stop-reply.ts";

const bytesOf = (arch: RegisterArch): number =>
  REGISTER_LAYOUTS[arch].reduce((end, { offset, bytes }) => Math.max(end, offset + bytes), 0);

/** A `g` reply in which each byte is its own offset. */
const counting = (arch: RegisterArch): string =>
  Buffer.from(Array.from({ length: bytesOf(arch) }, (_, i) => i & 0xff)).toString("hex");

describe("registers in a stop reply", () => {
  it("are numbered as in the target description, with their bytes as `g` has them", () => {
    const reply = withRegisters("T05thread:01;", "x86_64", counting("x86_64"));
    expect(reply).toMatch(/^T05thread:01;00:0001020304050607;01:08090a0b0c0d0e0f;/);
    expect(reply).toContain(";10:8081828384858687;11:88898a8b;");
    expect(withRegisters("T05thread:01;", "i386", counting("i386"))).toContain(";08:20212223;09:24252627;");
  });

  it("are those that `info registers` prints, not those of the x87", () => {
    const count = (arch: RegisterArch) => withRegisters("T05", arch, counting(arch)).match(/[0-9a-f]+:/g)?.length;
    expect([count("x86_64"), count("i386")]).toEqual([50, 34]);
  });

  it("leave what the stop says as it is, and are left out where they are not known", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("T05thread:01;", "T02thread:p01.02;", "T05thread:01;watch:ffffffff81000000;", "T05"),
        fc.string({ unit: fc.constantFrom(..."0123456789abcdefx"), maxLength: 1_300 }),
        fc.constantFrom<RegisterArch>("x86_64", "i386"),
        (stop, g, arch) => {
          const reply = withRegisters(stop, arch, g);
          expect(reply.startsWith(stop)).toBe(true);
          expect(reply.slice(stop.length)).toMatch(/^(?:[0-9a-f]{2}:(?:[0-9a-f]{8}|[0-9a-f]{16}|[0-9a-f]{32});)*$/);
          expect(parseStopReply(reply)).toEqual(parseStopReply(stop));
        },
      ),
    );
  });

  it.each(["", "OK", "E01", "E.text", "S05", "W00", "Tnonsense", "T05thread"])("are not added to %j", (payload) => {
    expect(withRegisters(payload, "x86_64", counting("x86_64"))).toBe(payload);
  });
});
