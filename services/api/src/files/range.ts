/** Which bytes of a file a request wants (RFC 9110, section 14). */
export type WantedBytes =
  | { readonly kind: "all" }
  /** From `first` to `last`, both included. */
  | { readonly kind: "part"; readonly first: number; readonly last: number }
  | { readonly kind: "none" };

/**
 * Reads a Range header. Several ranges at once and other units are answered with the whole, as is allowed.
 * @param header the header's value
 * @param bytes the file's size
 */
export function wantedBytes(header: string | undefined, bytes: number): WantedBytes {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) {
    return { kind: "all" };
  }
  if (match[1] === "") {
    const count = Number(match[2]);
    return count === 0 || bytes === 0 ? { kind: "none" } : part(Math.max(0, bytes - count), bytes - 1);
  }
  const first = Number(match[1]);
  const last = match[2] === "" ? bytes - 1 : Math.min(Number(match[2]), bytes - 1);
  if (match[2] !== "" && Number(match[2]) < first) {
    return { kind: "all" };
  }
  return first >= bytes ? { kind: "none" } : part(first, last);
}

const part = (first: number, last: number): WantedBytes => ({ kind: "part", first, last });
