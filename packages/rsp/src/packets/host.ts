import { addressOfHex, bytesOfHex, countOfHex } from "../hex.ts";

/**
 * What a `vFile` packet asks for (gdb manual, "Host I/O Packets"). `handle` is what `open` gave; paths are text with
 * one character per byte. `other` is what this protocol's parser does not know, broken packets included.
 */
export type FileRequest =
  /** Whose file system is meant; 0: the stub's. */
  | { readonly operation: "setfs"; readonly process: number }
  | { readonly operation: "open"; readonly path: string; readonly flags: number; readonly mode: number }
  | { readonly operation: "close"; readonly handle: number }
  | { readonly operation: "pread"; readonly handle: number; readonly length: number; readonly offset: number }
  | { readonly operation: "pwrite"; readonly handle: number }
  | { readonly operation: "fstat"; readonly handle: number }
  | { readonly operation: "stat"; readonly path: string }
  | { readonly operation: "unlink"; readonly path: string }
  | { readonly operation: "readlink"; readonly path: string }
  | { readonly operation: "other" };

/** `F vFile`: what reaches files and system calls of a host; and QEMU's own `qqemu Qqemu`. */
export type HostPacket =
  | { readonly kind: "F" }
  | { readonly kind: "vFile"; readonly request: FileRequest }
  | { readonly kind: "qemu" };

export function parseHost(payload: string): HostPacket | null {
  if (payload.startsWith("F")) return { kind: "F" };
  if (payload.startsWith("vFile")) return { kind: "vFile", request: parseFile(payload) ?? { operation: "other" } };
  return /^qqemu/i.test(payload) ? { kind: "qemu" } : null;
}

function parseFile(payload: string): FileRequest | null {
  const match = /^vFile:([a-z]{1,16}):([\s\S]*)$/.exec(payload);
  const operation = match?.[1] ?? "";
  const words = (match?.[2] ?? "").split(",");
  switch (operation) {
    case "setfs":
      return onNumber(words, (process) => ({ operation, process }));
    case "close":
    case "fstat":
      return onNumber(words, (handle) => ({ operation, handle }));
    case "stat":
    case "unlink":
    case "readlink": {
      const path = words.length === 1 ? bytesOfHex(words[0] ?? "") : null;
      return path === null ? null : { operation, path };
    }
    case "open":
      return parseOpen(words);
    case "pread":
      return parseRead(words);
    case "pwrite": {
      const handle = countOfHex(words[0] ?? "");
      return handle === null ? null : { operation, handle };
    }
    default:
      return null;
  }
}

function onNumber(words: readonly string[], request: (value: number) => FileRequest): FileRequest | null {
  const value = words.length === 1 ? countOfHex(words[0] ?? "") : null;
  return value === null ? null : request(value);
}

function parseOpen(words: readonly string[]): FileRequest | null {
  const path = bytesOfHex(words[0] ?? "");
  const flags = countOfHex(words[1] ?? "");
  const mode = countOfHex(words[2] ?? "");
  if (words.length !== 3 || path === null || flags === null || mode === null) return null;
  return { operation: "open", path, flags, mode };
}

/** Offsets beyond what a number holds exactly are behind the end of any file. */
function parseRead(words: readonly string[]): FileRequest | null {
  const handle = countOfHex(words[0] ?? "");
  const length = countOfHex(words[1] ?? "");
  const offset = addressOfHex(words[2] ?? "");
  if (words.length !== 3 || handle === null || length === null || offset === null) return null;
  return { operation: "pread", handle, length, offset: Number(offset) };
}
