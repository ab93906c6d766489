import { addressOfHex, countOfHex } from "../hex.ts";

/** `Z`: software and hardware breakpoint, write, read and access watchpoint. */
export const BREAKPOINT_TYPES = ["software", "hardware", "write", "read", "access"] as const;
export type BreakpointType = (typeof BREAKPOINT_TYPES)[number];

/** `length` is the watched bytes, or the breakpoint's kind; `extra` is conditions and commands. */
interface BreakpointPlace {
  readonly type: BreakpointType;
  readonly address: bigint;
  readonly length: number;
  readonly extra: string;
}
/** `Z` inserts, `z` removes. */
export type BreakpointPacket = (BreakpointPlace & { readonly kind: "Z" }) | (BreakpointPlace & { readonly kind: "z" });

export function parseBreakpoint(payload: string): BreakpointPacket | null {
  const match = /^([Zz])([0-4]),([0-9a-fA-F]+),([0-9a-fA-F]+)(?:;([\s\S]*))?$/.exec(payload);
  const type = BREAKPOINT_TYPES[Number(match?.[2])];
  const address = addressOfHex(match?.[3] ?? "");
  const length = countOfHex(match?.[4] ?? "");
  if (!match || type === undefined || address === null || length === null) return null;
  return { kind: match[1] === "Z" ? "Z" : "z", type, address, length, extra: match[5] ?? "" };
}
