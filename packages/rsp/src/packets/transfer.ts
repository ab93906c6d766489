import { countOfHex } from "../hex.ts";

/** `qXfer:object:read:annex:offset,length`: whole documents in pieces. */
export interface TransferPacket {
  readonly kind: "qXfer";
  readonly object: string;
  readonly operation: "read" | "write";
  readonly annex: string;
  readonly offset: number;
  readonly length: number;
}

export function parseTransfer(payload: string): TransferPacket | null {
  const read = /^qXfer:([a-z-]{1,40}):read:([^:]{0,200}):([0-9a-fA-F]+),([0-9a-fA-F]+)$/.exec(payload);
  if (read) {
    const offset = countOfHex(read[3] ?? "");
    const length = countOfHex(read[4] ?? "");
    if (offset === null || length === null) return null;
    return { kind: "qXfer", object: read[1] ?? "", operation: "read", annex: read[2] ?? "", offset, length };
  }
  const write = /^qXfer:([a-z-]{1,40}):write:([^:]{0,200}):([0-9a-fA-F]+):/.exec(payload);
  const offset = countOfHex(write?.[3] ?? "");
  if (!write || offset === null) return null;
  return { kind: "qXfer", object: write[1] ?? "", operation: "write", annex: write[2] ?? "", offset, length: 0 };
}
