import { registersOf } from "@ringside/rsp";
import fc from "fast-check";
import { expect, it } from "vitest";
import { RecordedRegisters } from "./recorded-registers.ts";
import { gReply } from "./testing/registers.ts";

it("registers are read one by one as they are all at once, cut or unavailable ones too", () => {
  const hex = fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), maxLength: 1_300 });
  const holes = fc.tuple(hex, hex).map((parts) => parts.join("xxxxxxxxxxxxxxxx"));
  fc.assert(
    fc.property(fc.constantFrom("x86_64" as const, "i386" as const), fc.oneof(hex, holes), (arch, reply) => {
      const all = registersOf(arch, reply);
      const recorded = new RecordedRegisters(arch, reply);
      expect([...recorded]).toEqual([...all]);
      expect(recorded.size).toBe(all.size);
      for (const [name, value] of all) expect([recorded.get(name), recorded.has(name)]).toEqual([value, true]);
      expect([recorded.get("none"), recorded.has("none")]).toEqual([undefined, false]);
    }),
  );
});

it("registers can be walked through like those of a map", () => {
  const recorded = new RecordedRegisters("x86_64", gReply({ rax: 1n, rbx: 2n }));
  const seen = new Map<string, bigint>();
  recorded.forEach((value, name) => {
    seen.set(name, value);
  });
  expect(seen.get("rbx")).toBe(2n);
  expect([...recorded.keys()].slice(0, 2)).toEqual(["rax", "rbx"]);
  expect([...recorded.values()].slice(0, 2)).toEqual([1n, 2n]);
});
