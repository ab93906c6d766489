import { BREAKPOINT_TYPES, type BreakpointType, type PacketOf } from "@ringside/rsp";

export type Breakpoint = Pick<PacketOf<"Z">, "type" | "address" | "length">;

const numberOf = (type: BreakpointType): number => BREAKPOINT_TYPES.indexOf(type);

/** `type,address,length` as packets write it. */
export function placeOf({ type, address, length }: Breakpoint): string {
  return `${numberOf(type)},${address.toString(16)},${length.toString(16)}`;
}

/** False for those that watch memory. */
export const isOfCode = ({ type }: Breakpoint): boolean => type === "software" || type === "hardware";
