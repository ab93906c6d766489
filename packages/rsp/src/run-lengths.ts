/**
 * Run lengths (gdb manual, "Overview" of appendix E): a character, `*`, and how often it comes again, plus 29, as a
 * character. Memory is full of equal digits.
 */
const STAR = 0x2a;
const REPEATS_BIAS = 29;
/** Most repeats that one run tells of, beside the character itself. */
const REPEATS_MAX = 97;
/** A shorter run takes no fewer characters. */
const REPEATS_MIN = 3;

/** Fewer where the count would be written as `#`, `$`, `+` or `-`, which mean something by themselves. */
function repeatsWritten(repeats: number): number {
  const most = Math.min(repeats, REPEATS_MAX);
  if (most === 6 || most === 7) return 5;
  return most === 14 || most === 16 ? most - 1 : most;
}

/**
 * Packs bytes where they stand.
 * @param bytes without `*` in [from, to)
 * @returns the new end
 */
export function packBytes(bytes: Uint8Array, from: number, to: number): number {
  let end = from;
  // What is written never overtakes what is read.
  for (let at = from; at < to; ) {
    const code = bytes[at] ?? 0;
    let next = at + 1;
    while (next < to && next - at <= REPEATS_MAX && bytes[next] === code) next += 1;
    const repeats = next - at - 1;
    bytes[end] = code;
    end += 1;
    at += 1;
    if (repeats < REPEATS_MIN) continue;
    const written = repeatsWritten(repeats);
    bytes[end] = STAR;
    bytes[end + 1] = written + REPEATS_BIAS;
    end += 2;
    at += written;
  }
  return end;
}

/** @param hex digits, or any other characters of one byte without `*` */
export function packRuns(hex: string): string {
  const bytes = Buffer.from(hex, "latin1");
  return bytes.toString("latin1", 0, packBytes(bytes, 0, bytes.length));
}

/**
 * The characters that packRuns() was given. A text without runs is given back as it is.
 * @param charsMax what is longer is cut
 */
export function unpackRuns(packed: string, charsMax: number): string {
  let text = "";
  let from = 0;
  for (let star = packed.indexOf("*"); star >= 0 && text.length < charsMax; star = packed.indexOf("*", from)) {
    const repeats = packed.charCodeAt(star + 1) - REPEATS_BIAS;
    text += packed.slice(from, star);
    from = star + 2;
    // Nothing is repeated by a run that is none.
    if (repeats >= REPEATS_MIN && repeats <= REPEATS_MAX) text += (packed[star - 1] ?? "").repeat(repeats);
  }
  return (text + packed.slice(from, from + charsMax)).slice(0, charsMax);
}
