import { describe, expect, it } from "vitest";
import { modeOf } from "./modes.ts";

const at = (arch: "x86_64" | "i386", pc: bigint | null, cs?: bigint) =>
  modeOf(arch, pc, new Map(cs === undefined ? [] : [["cs", cs]]));

describe("who runs at a stop", () => {
  it("is the kernel or a program where place and privilege say the same", () => {
    expect(at("x86_64", 0xffffffff81200bc0n, 0x10n)).toBe("kernel");
    expect(at("x86_64", 0x401000n, 0x33n)).toBe("user");
    expect(at("x86_64", 0x8048000n, 0x23n)).toBe("user");
    expect(at("i386", 0xc1200bc0n, 0x60n)).toBe("kernel");
    expect(at("i386", 0xb7fd0000n, 0x73n)).toBe("user");
  });

  it("is not known where they do not, or where one is missing", () => {
    expect(at("x86_64", 0x401000n, 0x10n)).toBeNull();
    expect(at("i386", 0xc1200bc0n, 0x73n)).toBeNull();
    expect(at("x86_64", null, 0x10n)).toBeNull();
    expect(at("x86_64", 0x401000n)).toBeNull();
  });
});
