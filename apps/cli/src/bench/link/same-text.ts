import type { GdbText } from "./scripted-gdb.ts";

/** How what gdb printed on one path compares with what it printed straight to the stub. */
export type Sameness =
  | { readonly kind: "same" }
  /** The same, but for where the guest's own heap put things: that differs between any two runs. */
  | { readonly kind: "other addresses"; readonly lines: number }
  | { readonly kind: "different"; readonly line: number; readonly expected: string; readonly found: string };

/** Of the guest's direct map: pages and slabs, in hex or (`info registers`) as a signed number. */
const HEAP = /\b0xffff888[0-9a-f]{9}\b|-13139[0-9]{10}\b/g;

/** Where some program of the guest last met a page that was not there: a matter of moments. */
const LAST_FAULT = /^cr2 +0x[0-9a-f]+ +\d+$/;

/**
 * Compares runs of the same script on two machines, piece by piece. Guest heap addresses may differ where the one
 * always stands for the other; everything else is compared byte for byte.
 */
export class TextComparison {
  readonly #to = new Map<string, string>();
  readonly #from = new Map<string, string>();

  /** @param expected straight to the stub */
  compare(expected: GdbText, found: GdbText): Sameness {
    const lines = { expected: linesOf(expected), found: linesOf(found) };
    let others = 0;
    for (let at = 0; at < Math.max(lines.expected.length, lines.found.length); at += 1) {
      const [a, b] = [lines.expected[at], lines.found[at]];
      if (a !== undefined && b !== undefined) {
        if (!this.#matches(a, b)) return { kind: "different", line: at, expected: a, found: b };
        if (a !== b) others += 1;
        continue;
      }
      return { kind: "different", line: at, expected: a ?? "(nothing)", found: b ?? "(nothing)" };
    }
    return others === 0 ? { kind: "same" } : { kind: "other addresses", lines: others };
  }

  #matches(a: string, b: string): boolean {
    if (LAST_FAULT.test(a) && LAST_FAULT.test(b)) return true;
    if (a.replaceAll(HEAP, "@") !== b.replaceAll(HEAP, "@")) return a === b;
    const found = [...b.matchAll(HEAP)].map(([text]) => unsigned(text));
    for (const [n, [text]] of [...a.matchAll(HEAP)].entries()) {
      if (!this.#pair(unsigned(text), found[n] ?? "")) return false;
    }
    return true;
  }

  #pair(a: string, b: string): boolean {
    const [known, back] = [this.#to.get(a), this.#from.get(b)];
    if (known === undefined && back === undefined) {
      this.#to.set(a, b);
      this.#from.set(b, a);
      return true;
    }
    return known === b && back === a;
  }
}

const unsigned = (text: string): string => BigInt.asUintN(64, BigInt(text)).toString(16);

function linesOf({ stdout, stderr }: GdbText): readonly string[] {
  return [...stdout.split("\n"), ...stderr.split("\n").map((line) => `stderr: ${line}`)];
}
