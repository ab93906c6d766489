import { NEAREST_EDITS_MAX, NEAREST_MAX } from "./limits.ts";

/** The few names that are most like this one: spelled alike, or with it inside them. */
export function nearestNames(name: string, names: Iterable<string>): readonly string[] {
  const found: { readonly name: string; readonly edits: number }[] = [];
  for (const other of names) {
    const edits = editsBetween(name, other, NEAREST_EDITS_MAX);
    if (edits !== null) found.push({ name: other, edits });
    else if (name.length >= INSIDE_CHARS_MIN && other.includes(name)) {
      found.push({ name: other, edits: NEAREST_EDITS_MAX + other.length - name.length });
    }
  }
  found.sort((a, b) => a.edits - b.edits || (a.name < b.name ? -1 : 1));
  return found.slice(0, NEAREST_MAX).map((each) => each.name);
}

/** A shorter name stands inside too many others. */
const INSIDE_CHARS_MIN = 5;

/** Letters to add, leave out or change (Levenshtein); null where they are more than `most`. */
function editsBetween(a: string, b: string, most: number): number | null {
  if (Math.abs(a.length - b.length) > most) return null;
  let before = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j += 1) {
      const change = (before[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const cost = Math.min(change, (before[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      row.push(cost);
      least = Math.min(least, cost);
    }
    if (least > most) return null;
    before = row;
  }
  const edits = before[b.length] ?? 0;
  return edits <= most ? edits : null;
}
