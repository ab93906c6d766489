import { addressOfHex, countOfHex } from "../hex.ts";

/** `m M x X`: memory. `data` is hex for M and raw bytes for X. */
export type MemoryPacket =
  | { readonly kind: "m"; readonly address: bigint; readonly length: number }
  | { readonly kind: "M"; readonly address: bigint; readonly length: number; readonly data: string }
  | { readonly kind: "x"; readonly address: bigint; readonly length: number }
  | { readonly kind: "X"; readonly address: bigint; readonly length: number; readonly data: string };

const isRead = (kind: string): kind is "m" | "x" => kind === "m" || kind === "x";

export function parseMemory(payload: string): MemoryPacket | null {
  const match = /^([mMxX])([0-9a-fA-F]+),([0-9a-fA-F]+)(?::([\s\S]*))?$/.exec(payload);
  const kind = match?.[1] ?? "";
  const address = addressOfHex(match?.[2] ?? "");
  const length = countOfHex(match?.[3] ?? "");
  const data = match?.[4];
  if (address === null || length === null) return null;
  if (isRead(kind)) return data === undefined ? { kind, address, length } : null;
  if (data === undefined) return null;
  if (kind === "X") return { kind, address, length, data };
  return data.length === 2 * length && /^[0-9a-fA-F]*$/.test(data) ? { kind: "M", address, length, data } : null;
}
