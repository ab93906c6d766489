import assert from "node:assert/strict";

/**
 * JSON with one spelling per value: keys in code-unit order, no white space, members that are undefined left
 * out. Two equal values give the same bytes, so that digests of them can be compared.
 * @param value plain data: objects, arrays, strings, finite numbers, booleans, null
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  switch (typeof value) {
    case "number":
      assert(Number.isFinite(value), "JSON has no such number");
      return JSON.stringify(value);
    case "string":
    case "boolean":
      return JSON.stringify(value);
    case "object":
      return value === null ? "null" : canonicalObject(value as Readonly<Record<string, unknown>>);
    default:
      return assert.fail(`JSON has no ${typeof value}`);
  }
}

function canonicalObject(value: Readonly<Record<string, unknown>>): string {
  const members = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`);
  return `{${members.join(",")}}`;
}
