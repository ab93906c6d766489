import { countOfHex } from "../hex.ts";

/** `g G p P`: registers, all at once or one by its number. Values are hex in the target's byte order. */
export type RegistersPacket =
  | { readonly kind: "g" }
  | { readonly kind: "G"; readonly values: string }
  | { readonly kind: "p"; readonly register: number }
  | { readonly kind: "P"; readonly register: number; readonly value: string };

export function parseRegisters(payload: string): RegistersPacket | null {
  if (payload === "g") return { kind: "g" };
  const write = /^G((?:[0-9a-fA-Fx]{2})+)$/.exec(payload);
  if (write) return { kind: "G", values: write[1] ?? "" };
  const one = /^([pP])([0-9a-fA-F]+)(?:=((?:[0-9a-fA-F]{2})+))?$/.exec(payload);
  const register = countOfHex(one?.[2] ?? "");
  if (!one || register === null) return null;
  if (one[1] === "p") return one[3] === undefined ? { kind: "p", register } : null;
  return one[3] === undefined ? null : { kind: "P", register, value: one[3] };
}
