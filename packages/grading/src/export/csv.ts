/**
 * Text of a CSV file (RFC 4180): rows end with CRLF, and what needs quotes has them. It begins with a byte order mark,
 * without which Excel reads Chinese names as another encoding.
 */
export type Cell = string | number | null;

const BYTE_ORDER_MARK = "\ufeff";
const NEEDS_QUOTES = /["\r\n\t,;]|^\s|\s$/;
/**
 * What a spreadsheet takes for a formula (OWASP, "CSV injection"), full-width forms too: a student chooses their own
 * name. Behind ';', a tab or a new line as well: where another character than ',' parts cells, quotes within a cell
 * are not looked at.
 */
const FORMULA = /(^|[;\t\r\n])(?=[^\S\t\r\n]*[=+\-@＝＋－＠])/g;
const BEGINS_AS_FORMULA = /^(?=[\t\r\n])/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/g;

/** @param rows the header first; numbers stay numbers, a text never becomes a formula */
export function csvText(rows: readonly (readonly Cell[])[]): string {
  return BYTE_ORDER_MARK + rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

function cell(value: Cell): string {
  if (value === null) return "";
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "";
  const text = value.replace(CONTROLS, "\ufffd").toWellFormed().replace(FORMULA, "$1'").replace(BEGINS_AS_FORMULA, "'");
  return NEEDS_QUOTES.test(text) || text.startsWith("'") ? quoted(text) : text;
}

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
