import { courseRoleSchema, ROSTER_ROWS_MAX, studentNumberSchema } from "@ringside/shared";
import { CliError } from "../exit-codes.ts";

export interface RosterRow {
  readonly studentNumber: string;
  readonly name: string;
  readonly role: "student" | "instructor";
}

/**
 * Reads a roster: CSV (RFC 4180; quoted fields, doubled quotes) with a header that names `number` and `name`,
 * and `role` where not all are students. Spreadsheets' byte order mark and CRLF are fine.
 * @throws CliError that names the line
 */
export function parseRoster(text: string): RosterRow[] {
  const [header, ...lines] = parseCsv(text.replace(/^\uFEFF/, ""));
  const column = (name: string) => header?.fields.findIndex((field) => field.trim().toLowerCase() === name) ?? -1;
  const [number, name, role] = [column("number"), column("name"), column("role")];
  if (number < 0 || name < 0)
    throw new CliError("failed", "The roster's first line must name the columns number and name");
  if (lines.length === 0 || lines.length > ROSTER_ROWS_MAX) {
    throw new CliError("failed", `The roster must have 1 to ${ROSTER_ROWS_MAX} rows; it has ${lines.length}`);
  }
  return lines.map(({ fields, line }) => {
    const studentNumber = studentNumberSchema.safeParse(fields[number]?.trim());
    const courseRole = courseRoleSchema.safeParse(fields[role]?.trim() || "student");
    const person = fields[name]?.trim() ?? "";
    if (!studentNumber.success)
      throw new CliError("failed", `Roster line ${line}: the number must be 1 to 32 letters and digits`);
    if (person === "") throw new CliError("failed", `Roster line ${line}: the name is empty`);
    if (!courseRole.success)
      throw new CliError("failed", `Roster line ${line}: the role must be student or instructor`);
    return { studentNumber: studentNumber.data, name: person, role: courseRole.data };
  });
}

interface CsvRow {
  readonly fields: readonly string[];
  /** Line number of its beginning, from 1. */
  readonly line: number;
}

function parseCsv(text: string): CsvRow[] {
  const rows: CsvRow[] = [];
  let fields: string[] = [];
  let field = "";
  let quoted = false;
  let line = 1;
  let rowLine = 1;
  const endRow = () => {
    fields.push(field);
    if (fields.some((one) => one.trim() !== "")) rows.push({ fields, line: rowLine });
    fields = [];
    field = "";
    rowLine = line + 1;
  };
  for (let i = 0; i < text.length; i++) {
    const character = text[i] ?? "";
    if (quoted && character === '"' && text[i + 1] === '"') {
      field += '"';
      i++;
    } else if (character === '"' && (quoted || field === "")) {
      quoted = !quoted;
    } else if (!quoted && character === ",") {
      fields.push(field);
      field = "";
    } else if (!quoted && character === "\n") {
      endRow();
    } else if (character !== "\r" || quoted) {
      field += character;
    }
    if (character === "\n") line++;
  }
  if (quoted) throw new CliError("failed", `Roster line ${rowLine}: a quote is not closed`);
  endRow();
  return rows;
}
