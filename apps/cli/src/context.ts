import type { Readable, Writable } from "node:stream";
import type { Environment } from "./environment.ts";

/** What a command works with: the outside world, so that tests can stand in for it. */
export interface Context {
  readonly environment: Environment;
  /** All of our own environment, for a service that takes its settings from there. */
  readonly inherited: Readonly<Record<string, string>>;
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(on: boolean): unknown };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** Aborts at Ctrl-C and at SIGTERM. */
  readonly signal: AbortSignal;
  /** Calls back at each further Ctrl-C. */
  readonly onHurry: (callback: () => void) => void;
  /** While held, Ctrl-C is left to the program that runs in our terminal (gdb). */
  readonly holdInterrupts: () => Disposable;
  /** Root of the checkout. */
  readonly repoRoot: string;
  readonly isRoot: boolean;
  /** True where the user asked for JSON: then stdout carries one JSON document (or JSON lines) and nothing else. */
  readonly json: () => boolean;
}

/** Writes a line of the command's result. */
export function print(context: Context, line: string): void {
  context.stdout.write(`${line}\n`);
}

/** Writes a line for the person at the terminal: progress, hints. */
export function note(context: Context, line: string): void {
  context.stderr.write(`${line}\n`);
}

/** Prints `value` as JSON where that was asked for, else what `text` makes of it. */
export function printResult<T>(context: Context, value: T, text: (value: T) => string): void {
  print(context, context.json() ? JSON.stringify(value, null, 2) : text(value));
}
