import { REGISTER_LAYOUTS, type RegisterArch, type RegisterPlace } from "./registers.ts";

/** Of the x87, which `info registers` does not print. gdb asks for all registers once it needs one of these. */
const FLOAT = /^(?:st\d|f(?:ctrl|stat|tag|iseg|ioff|oseg|ooff|op))$/;

const EXPEDITED: Readonly<Record<RegisterArch, ReadonlyArray<RegisterPlace & { readonly number: string }>>> = {
  x86_64: expeditedOf("x86_64"),
  i386: expeditedOf("i386"),
};

function expeditedOf(arch: RegisterArch) {
  return REGISTER_LAYOUTS[arch]
    .map((place, index) => ({ ...place, number: index.toString(16).padStart(2, "0") }))
    .filter(({ name }) => !FLOAT.test(name));
}

/**
 * A stop reply with the registers that gdb steps, unwinds and prints by (gdb manual, "Stop Reply Packets": `n:r`), so
 * that it need not ask for them. gdb takes them as those of the stop's thread.
 * @param stopReply a `T` packet's payload; anything else is given back as it is
 * @param g the answer to `g` of the stop's thread; registers that it lacks or marks unavailable (`x`) are left out
 */
export function withRegisters(stopReply: string, arch: RegisterArch, g: string): string {
  if (!/^T[0-9a-fA-F]{2}(?:[^:;]+:[^;]*;)*$/.test(stopReply)) return stopReply;
  let reply = stopReply;
  for (const { number, offset, bytes } of EXPEDITED[arch]) {
    const value = g.slice(2 * offset, 2 * (offset + bytes));
    if (value.length === 2 * bytes && !value.includes("x")) reply += `${number}:${value};`;
  }
  return reply;
}
