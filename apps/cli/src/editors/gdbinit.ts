import type { Parameters } from "@ringside/shared";
import type { DebugFiles } from "../processes/gdb.ts";
import { gdbVariables } from "./gdb-variables.ts";

/** Seconds: a machine that sleeps is woken while gdb waits. */
export const REMOTE_TIMEOUT_SECONDS = 30;

/**
 * What gdb is told before it attaches over the TCP entry: to ask for fewer and larger packets. Memory is kept no longer
 * than the machine stands. A line of gdb's cache is as long as a kernel stack; where some of it cannot be read, gdb asks
 * for what it needs alone. The packets that are turned off are not supported there, or about a file that gdb was given,
 * or, as the one about acknowledgements, save nothing over a line.
 */
export const TCP_SETTINGS: readonly string[] = [
  "set breakpoint always-inserted on",
  "set dcache line-size 16384",
  "set dcache size 4096",
  "mem 0 0 rw cache",
  "set remote pid-to-exec-file-packet off",
  "set remote trace-status-packet off",
  "set remote symbol-lookup-packet off",
  "set remote binary-download-packet off",
  "set remote noack-packet off",
];

/**
 * A `.gdbinit` for a folder: the kernel, its sources, patience, and the commands `ringside` and `ringside-tcp`.
 * @param address where `ringside connect` listens
 * @param parameters the session's: gdb knows them by their names
 */
export function gdbinit(files: DebugFiles, address: string, parameters: Parameters = {}): string {
  const sources = files.sources === undefined ? [] : [`directory ${files.sources}`];
  const debuginfod =
    files.debuginfod === undefined ? [] : [`set debuginfod urls ${files.debuginfod}`, "set debuginfod enabled on"];
  return `${[
    `set remotetimeout ${REMOTE_TIMEOUT_SECONDS}`,
    ...debuginfod,
    ...sources,
    `file ${files.debug}`,
    ...gdbVariables(parameters, files.programs),
    "",
    "define ringside",
    `  target remote ${address}`,
    "end",
    "document ringside",
    "Attach to your machine: `ringside connect` must be running in another terminal.",
    "end",
    "",
    "# Without `ringside connect`, every packet goes to the machine and back: ask for fewer and larger ones.",
    "define ringside-tcp",
    ...TCP_SETTINGS.map((setting) => `  ${setting}`),
    "  target remote $arg0",
    "end",
    "document ringside-tcp",
    "Attach to the plain port that `ringside connect --tcp` gives: ringside-tcp HOST:PORT",
    "end",
  ].join("\n")}\n`;
}
