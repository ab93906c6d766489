import { REGISTER_LAYOUTS } from "@ringside/rsp";

/** A `g` reply of QEMU's x86_64 stub with these registers, the others 0. */
export function gReply(values: Readonly<Record<string, bigint>>): string {
  return REGISTER_LAYOUTS.x86_64
    .map(({ name, bytes }) => {
      const hex = BigInt.asUintN(8 * bytes, values[name] ?? 0n)
        .toString(16)
        .padStart(2 * bytes, "0");
      return (hex.match(/../g) ?? []).reverse().join("");
    })
    .join("");
}
