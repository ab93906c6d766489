import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Parameters, Session } from "@ringside/shared";

/** The image's programs with their debug information, by name. */
type Programs = Readonly<Record<string, string>>;

/**
 * What gdb knows of a student's session as convenience variables: their own values (`$my_port`, `$my_handler`), and
 * where the image's programs are for `add-symbol-file` (`$program_menuos`). Words are used with gdb's `eval`:
 * `eval "break %s", $my_handler`.
 */
export function gdbVariables(parameters: Parameters, programs: Programs = {}): readonly string[] {
  return [
    ...Object.entries(parameters).map(([name, value]) => setting(`my_${name}`, value)),
    ...Object.entries(programs).map(([name, path]) =>
      setting(`program_${name.replaceAll(/[^A-Za-z0-9_]/g, "_")}`, path),
    ),
  ];
}

const setting = (name: string, value: string | number): string =>
  `set $${name} = ${typeof value === "number" ? value : quoted(value)}`;

/** As a string of C, of which gdb shall take nothing for an escape or an end. */
const quoted = (text: string): string =>
  `"${text.replaceAll(/[\\"]/g, "\\$&").replaceAll(/\p{Cc}/gu, (each) => `\\${each.charCodeAt(0).toString(8).padStart(3, "0")}`)}"`;

/**
 * Writes those settings where a gdb that somebody starts by hand can read them: `source FILE`.
 * @returns the file; undefined where there is nothing to set
 */
export async function writeGdbVariables(
  cacheFolder: string,
  session: Pick<Session, "id" | "parameters">,
  files: { readonly programs?: Programs } | undefined,
): Promise<string | undefined> {
  const lines = gdbVariables(session.parameters, files?.programs);
  if (lines.length === 0) return undefined;
  const path = join(cacheFolder, "sessions", `${session.id}.gdb`);
  await mkdir(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}.new`;
  try {
    await writeFile(fresh, lines.map((line) => `${line}\n`).join(""), { flag: "wx" });
    await rename(fresh, path);
  } finally {
    await rm(fresh, { force: true });
  }
  return path;
}
