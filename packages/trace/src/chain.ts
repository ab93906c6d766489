import { hash } from "node:crypto";

/**
 * The chain of a trace's lines (see events.ts): `<body>,"hash":"<64 hex>"}` where
 * hash = sha256(previous hash as hex ‖ body). The body is the line up to the comma before `"hash"`.
 */
export const FIRST_HASH = "0".repeat(64);

const HASH_MEMBER = ',"hash":"';
const LINE_END = '"}';
/** Bytes of a line behind its body, without the newline. */
export const HASH_SUFFIX_BYTES = HASH_MEMBER.length + FIRST_HASH.length + LINE_END.length;
const HASH = /^[0-9a-f]{64}$/;

/** What follows a line's body, with the newline. */
export function hashSuffix(hash: string): string {
  return `${HASH_MEMBER}${hash}${LINE_END}\n`;
}

/**
 * Hash of a line.
 * @param linked the previous hash (64 bytes of hex) followed by the body
 */
export function chainHash(linked: Uint8Array): string {
  return hash("sha256", linked, "hex");
}

/** A line in its two parts, or null where it has not the form of one. `line` is without the newline. */
export function splitLine(line: Buffer): { readonly body: Buffer; readonly hash: string } | null {
  const bodyBytes = line.length - HASH_SUFFIX_BYTES;
  if (bodyBytes < 2) return null;
  const suffix = line.toString("latin1", bodyBytes);
  const found = suffix.slice(HASH_MEMBER.length, -LINE_END.length);
  if (!suffix.startsWith(HASH_MEMBER) || !suffix.endsWith(LINE_END) || !HASH.test(found)) return null;
  return { body: line.subarray(0, bodyBytes), hash: found };
}

/** True where a line with this body and hash follows the line with hash `previous`. */
export function follows(previous: string, body: Buffer, found: string): boolean {
  return chainHash(Buffer.concat([Buffer.from(previous, "latin1"), body])) === found;
}
