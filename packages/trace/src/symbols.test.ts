import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseSymbols } from "./symbols.ts";

const TEXT = `0000000000000000 A fixed_percpu_data
ffffffff81000000 T _text
ffffffff81200bc0 t local_name
ffffffff81200bc0 T __sys_listen
ffffffff81200bc0 T sys_listen
ffffffff81200c30 T __x64_sys_listen
ffffffff81300000 t twin
ffffffff81300100 t twin
ffffffff82000000 D some_data
ffffffff82000010 b more_data
`;

describe("a symbol table", () => {
  const symbols = parseSymbols(TEXT);

  it("finds the function around an address, with its aliases, by its first global name", () => {
    expect(symbols.lookup(0xffffffff81200bc5n)).toEqual({
      name: "__sys_listen",
      aliases: ["local_name", "__sys_listen", "sys_listen"],
      address: 0xffffffff81200bc0n,
      offset: 5,
    });
    expect(symbols.lookup(0xffffffff81200c2fn)?.name).toBe("__sys_listen");
    expect(symbols.lookup(0xffffffff81200c30n)?.name).toBe("__x64_sys_listen");
  });

  it("finds no function in data or below all code, and data only when asked for", () => {
    expect(symbols.lookup(0x1000n)).toBeNull();
    expect(symbols.lookup(0xffffffff82000004n)).toBeNull();
    expect(symbols.lookupAny(0xffffffff82000004n)).toMatchObject({ name: "some_data", offset: 4 });
    expect(parseSymbols("ff T f\n").lookupAny(0xfen)).toBeNull();
  });

  it("finds every address of a name", () => {
    expect(symbols.addressesOf("sys_listen")).toEqual([0xffffffff81200bc0n]);
    expect(symbols.addressesOf("twin")).toEqual([0xffffffff81300000n, 0xffffffff81300100n]);
    expect(symbols.addressesOf("nothing")).toEqual([]);
    expect(symbols.addressesOf("__proto__")).toEqual([]);
  });

  it("agrees with a search from the start, for any symbols and address", () => {
    const rows = fc.array(fc.tuple(fc.bigInt({ min: 0n, max: 200n }), fc.constantFrom("T", "t", "d")), {
      minLength: 1,
    });
    fc.assert(
      fc.property(rows, fc.bigInt({ min: 0n, max: 210n }), (placed, address) => {
        const text = placed.map(([at, type], index) => `${at.toString(16)} ${type} s${index}`).join("\n");
        const below = placed.filter(([at]) => at <= address).map(([at]) => at);
        const nearest = below.reduce<bigint | null>((max, at) => (max === null || at > max ? at : max), null);
        const isText = placed.some(([at, type]) => at === nearest && type !== "d");
        expect(parseSymbols(text).lookup(address)?.address ?? null).toBe(isText ? nearest : null);
      }),
    );
  });

  it.each([
    ["", "there are none"],
    ["ffffffff81000000 T\n", "line 1 is not"],
    ["ff T a\nnot hex T b\n", "line 2 is not"],
    ["11112222333344445 T too_long\n", "line 1 is not"],
  ])("is refused where the text is none: %j", (text, why) => {
    expect(() => parseSymbols(text)).toThrow(
      expect.objectContaining({ code: "image_missing", message: expect.stringContaining(why) }),
    );
  });
});
