import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Parameters } from "@ringside/shared";
import { gdbVariables } from "../editors/gdb-variables.ts";
import { type Child, type ChildExit, startChild } from "./child.ts";

/** What gdb needs to know of a kernel. */
export interface DebugFiles {
  /** vmlinux with DWARF. */
  readonly debug: string;
  /** The kernel's source tree; undefined where it is not at hand. */
  readonly sources: string | undefined;
  /** The lab's programs with their debug information, by name: for `add-symbol-file`. */
  readonly programs?: Readonly<Record<string, string>>;
  /** Of a server that gives gdb the source files that it shows; undefined where there is no need of one. */
  readonly debuginfod?: string | undefined;
}

/**
 * gdb's arguments that every attachment needs: quiet, patient with the network, attached. The file is the machine's
 * own: gdb need not compare it with what the other side has, which takes a dozen exchanges and as many words.
 * @param parameters the session's: gdb knows them by their names
 */
export function attachArguments(files: DebugFiles, address: string, parameters: Parameters = {}): string[] {
  return [
    "-q",
    ...["-iex", "set auto-load no", "-iex", "set confirm off", "-iex", "set pagination off"],
    ...["-iex", "set exec-file-mismatch off"],
    ...(files.sources === undefined ? [] : ["-iex", `directory ${files.sources}`]),
    ...(files.debuginfod === undefined ? [] : debuginfodArguments(files.debuginfod)),
    ...gdbVariables(parameters, files.programs).flatMap((line) => ["-iex", line]),
    files.debug,
    ...["-ex", "set remotetimeout 30", "-ex", `target remote ${address}`],
  ];
}

/** A gdb before 12, or one without debuginfod, says that it does not know these, and goes on. */
const debuginfodArguments = (url: string): string[] => [
  ...["-iex", `set debuginfod urls ${url}`],
  ...["-iex", "set debuginfod enabled on"],
];

/**
 * Runs gdb in the user's terminal until they leave it. Ctrl-C is gdb's: the caller must not act on it.
 * @throws Error where gdb cannot be started
 */
export async function runGdb(args: readonly string[], env: Readonly<Record<string, string>>): Promise<ChildExit> {
  const gdb = spawn("gdb", [...args], { stdio: "inherit", env });
  const [code, signal] = await once(gdb, "exit");
  return { code, signal };
}

/**
 * Starts gdb for a script: `commands` run first, then what is written to its stdin, as if typed. Its output comes
 * line by line, and it dies with us. Not -batch: that keeps gdb from saying "Continuing.", which tells that its
 * breakpoints are in.
 */
export function startScriptedGdb(
  args: readonly string[],
  commands: readonly string[],
  env: Readonly<Record<string, string>>,
  onLine: (line: string, stream: "stdout" | "stderr") => void,
): Promise<Child> {
  const all = ["-nx", "-iex", "set width 0", "-iex", "set prompt ", ...args];
  return startChild({
    command: "gdb",
    args: [...all, ...commands.flatMap((command) => ["-ex", command])],
    env,
    deathSignal: "KILL",
    input: true,
    onLine,
  });
}
