import { BENCH_ACTION_MS } from "../../limits.ts";
import type { Child } from "../../processes/child.ts";
import { startScriptedGdb } from "../../processes/gdb.ts";
import { settledWithin } from "../../settled.ts";
import type { BenchConsole } from "./direct-machine.ts";

/** What gdb printed to both of its outputs. */
export interface GdbText {
  readonly stdout: string;
  readonly stderr: string;
}

/** A line to be typed at the machine's console; `after` is waited for first. */
interface Typed {
  readonly after?: string;
  readonly line: string;
}

/** What is done in one go: gdb's commands, and what is typed at the console as soon as gdb says "Continuing.". */
export interface GdbScript {
  readonly commands: readonly string[];
  readonly typed?: readonly Typed[];
}

const TYPED_MS = 60_000;
const RESUMED = /^Continuing(?:\.| at )/;

interface Lines {
  readonly stdout: string[];
  readonly stderr: string[];
}

interface Watch {
  onLine: (line: string) => void;
}

/** A real gdb that is told its commands piece by piece, each piece's output kept by itself. */
export class ScriptedGdb implements AsyncDisposable {
  readonly #child: Child;
  readonly #lines: Lines;
  readonly #watch: Watch;
  #pieces = 0;

  private constructor(child: Child, lines: Lines, watch: Watch) {
    this.#child = child;
    this.#lines = lines;
    this.#watch = watch;
  }

  /** @param args gdb's arguments: the debug file, its first settings */
  static async start(args: readonly string[], env: Readonly<Record<string, string>>): Promise<ScriptedGdb> {
    const lines: Lines = { stdout: [], stderr: [] };
    const watch: Watch = { onLine: () => undefined };
    const child = await startScriptedGdb(args, [], env, (line, stream) => {
      lines[stream].push(line);
      watch.onLine(line);
    });
    return new ScriptedGdb(child, lines, watch);
  }

  /**
   * Runs commands to their end and gives what they printed.
   * @throws Error where gdb ends, or does not come to an end in time
   */
  async run(script: GdbScript, console: BenchConsole, timeoutMs = BENCH_ACTION_MS): Promise<GdbText> {
    this.#pieces += 1;
    const mark = `@@ringside ${this.#pieces}@@`;
    const missing = new Set(["stdout", "stderr"]);
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const typing: Promise<unknown>[] = [];
    this.#watch.onLine = (line) => {
      if (RESUMED.test(line) && script.typed && typing.length === 0) {
        typing.push(type(script.typed, console).catch((cause: unknown) => cause));
      }
      for (const stream of ["stdout", "stderr"] as const) {
        if (this.#lines[stream].at(-1)?.endsWith(mark)) missing.delete(stream);
      }
      if (missing.size === 0) resolve();
    };
    const markBoth = `python gdb.write("${mark}\\n"); gdb.flush(); gdb.write("${mark}\\n", gdb.STDERR)`;
    this.#child.stdin?.write(`${[...script.commands, markBoth].join("\n")}\n`);
    const ended = this.#child.exited.then(() => undefined);
    const inTime = await settledWithin(Promise.race([done, ended]), timeoutMs);
    if (!inTime || missing.size > 0) {
      throw new Error(`gdb ${inTime ? "ended" : "hangs"} at ${script.commands.join("; ")}:\n${this.#tail()}`);
    }
    for (const cause of await Promise.all(typing)) if (cause !== undefined) throw cause;
    return { stdout: this.#take("stdout", mark), stderr: this.#take("stderr", mark) };
  }

  #take(stream: "stdout" | "stderr", mark: string): string {
    const text = this.#lines[stream].splice(0).join("\n");
    return text.slice(0, text.length - mark.length);
  }

  #tail(): string {
    return [...this.#lines.stdout.slice(-12), ...this.#lines.stderr.slice(-6)].join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}

async function type(typed: readonly Typed[], console: BenchConsole): Promise<void> {
  for (const { after, line } of typed) {
    if (after !== undefined) await console.expect(after, TYPED_MS);
    console.send(`${line}\n`);
  }
}
