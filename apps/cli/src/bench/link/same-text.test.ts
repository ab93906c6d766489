import { describe, expect, it } from "vitest";
import { TextComparison } from "./same-text.ts";

const text = (stdout: string, stderr = "") => ({ stdout, stderr });

describe("what gdb printed on two machines", () => {
  it("is the same where it is", () => {
    expect(new TextComparison().compare(text("a\n"), text("a\n"))).toEqual({ kind: "same" });
  });

  it("may name other heap addresses, each always the same one", () => {
    const comparison = new TextComparison();
    const [a, b] = ["sock=0xffff888000446000", "sock=0xffff888000409b80"];
    expect(comparison.compare(text(a), text(b))).toEqual({ kind: "other addresses", lines: 1 });
    expect(comparison.compare(text(a), text(b))).toEqual({ kind: "other addresses", lines: 1 });
    expect(comparison.compare(text(a), text("sock=0xffff888000409b88")).kind).toBe("different");
    expect(comparison.compare(text("p 0xffff888000000001"), text(b.replace("sock=", "p "))).kind).toBe("different");
  });

  it("takes a register's signed number for the address that it is", () => {
    const comparison = new TextComparison();
    const line = (hex: string) => text(`rbx ${hex} ${BigInt.asIntN(64, BigInt(hex))}`);
    expect(comparison.compare(line("0xffff888000446000"), line("0xffff888000409b80")).kind).toBe("other addresses");
  });

  it("may name another page fault", () => {
    const line = (hex: string) => text(`cr2            ${hex}          ${Number(hex)}`);
    expect(new TextComparison().compare(line("0x49c54d"), line("0x1c62fca8")).kind).toBe("other addresses");
  });

  it("differs by a byte of anything else, by a line, and by the stream", () => {
    const comparison = new TextComparison();
    const different = (a: ReturnType<typeof text>, b: ReturnType<typeof text>) => comparison.compare(a, b).kind;
    expect(different(text("0xffffffff81200bc0"), text("0xffffffff81200bc1"))).toBe("different");
    expect(different(text("a"), text("a\n"))).toBe("different");
    expect(different(text("a"), text("", "a"))).toBe("different");
  });
});
