/**
 * A strict reader of RFC 4180: every row ends with CRLF, a cell with quotes in it is quoted, and nothing stands
 * between a closing quote and the next comma.
 */
export interface CsvFile {
  readonly hasByteOrderMark: boolean;
  readonly rows: readonly (readonly string[])[];
}

const CELL = /"((?:[^"]|"")*)"|([^",\r\n]*)/y;

/** @throws Error that names the place */
export function readCsv(text: string): CsvFile {
  const hasByteOrderMark = text.startsWith("\ufeff");
  const rows: string[][] = [];
  let row: string[] = [];
  let at = hasByteOrderMark ? 1 : 0;
  while (at < text.length) {
    CELL.lastIndex = at;
    const found = CELL.exec(text);
    if (found === null) throw new Error(`no cell at ${at}`);
    row.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? "");
    at = CELL.lastIndex;
    if (text[at] === ",") at += 1;
    else if (text.startsWith("\r\n", at)) {
      rows.push(row);
      row = [];
      at += 2;
    } else throw new Error(`neither a comma nor an end of row at ${at}`);
  }
  if (row.length > 0) throw new Error("the last row does not end");
  if (new Set(rows.map(({ length }) => length)).size > 1) throw new Error("rows of different lengths");
  return { hasByteOrderMark, rows };
}
