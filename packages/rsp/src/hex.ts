/** Hex pairs of a text with one character per byte, in lower case. */
export function hexOfBytes(bytes: string): string {
  let hex = "";
  for (let i = 0; i < bytes.length; i += 1) hex += (bytes.charCodeAt(i) & 0xff).toString(16).padStart(2, "0");
  return hex;
}

/** The bytes of hex pairs, one character each; null where the digits are odd in number or no digits. */
export function bytesOfHex(hex: string): string | null {
  if (hex.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(hex)) return null;
  let bytes = "";
  for (let i = 0; i < hex.length; i += 2) bytes += String.fromCharCode(Number.parseInt(hex.slice(i, i + 2), 16));
  return bytes;
}

/** An unsigned hex number of at most 64 bits, such as an address; null for anything else. */
export function addressOfHex(hex: string): bigint | null {
  return /^[0-9a-fA-F]{1,16}$/.test(hex) ? BigInt(`0x${hex}`) : null;
}

/** A hex number of at most 32 bits, such as a length; null for anything else. */
export function countOfHex(hex: string): number | null {
  return /^[0-9a-fA-F]{1,8}$/.test(hex) ? Number.parseInt(hex, 16) : null;
}

/** Little-endian hex pairs, as in register values and memory, as an unsigned number; null where they are none. */
export function littleEndianOfHex(hex: string): bigint | null {
  if (hex.length === 0 || hex.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(hex)) return null;
  return BigInt(`0x${(hex.match(/../g) ?? []).reverse().join("")}`);
}
