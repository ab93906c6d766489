import { CliError } from "../exit-codes.ts";
import type { Child } from "../processes/child.ts";
import { attachArguments, type DebugFiles, startScriptedGdb } from "../processes/gdb.ts";
import { settledWithin } from "../settled.ts";

export interface DebuggerOptions {
  readonly name: string;
  readonly address: string;
  readonly files: DebugFiles;
  readonly env: Readonly<Record<string, string>>;
  /** What gdb does first, after it has attached. */
  readonly commands: readonly string[];
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
}

export interface SeenStop {
  /** The function, as gdb names it. */
  readonly where: string;
  readonly backlog: number;
}

/** gdb's own words for a stop in listen, such as `Breakpoint 1, __sys_listen (fd=3, backlog=99) at net/socket.c:1837`. */
const STOP = /^(?:Thread .* hit )?Breakpoint 1, (?:0x[0-9a-f]+ in )?(\w*sys_listen) \(.*\bbacklog=(\d+)/;

/** The stop that a line of gdb's output tells of. */
export function stopIn(line: string): SeenStop | undefined {
  const [, where, backlog] = STOP.exec(line) ?? [];
  return where === undefined ? undefined : { where, backlog: Number(backlog) };
}

/** A real gdb that is typed at, and what is read off its own output. */
export class Debugger implements AsyncDisposable {
  readonly #options: DebuggerOptions;
  readonly #child: Child;
  readonly #lines: readonly string[];
  readonly #continues: Promise<void>;
  readonly #stops: Promise<SeenStop>;

  constructor(
    options: DebuggerOptions,
    child: Child,
    lines: readonly string[],
    seen: { readonly continues: Promise<void>; readonly stops: Promise<SeenStop> },
  ) {
    this.#options = options;
    this.#child = child;
    this.#lines = lines;
    this.#continues = seen.continues;
    this.#stops = seen.stops;
  }

  static async start(options: DebuggerOptions): Promise<Debugger> {
    const lines: string[] = [];
    const continues = Promise.withResolvers<void>();
    const stops = Promise.withResolvers<SeenStop>();
    const args = attachArguments(options.files, options.address);
    const child = await startScriptedGdb(args, options.commands, options.env, (line) => {
      lines.push(line);
      options.onLine(line);
      if (line.startsWith("Continuing.")) continues.resolve();
      const stop = stopIn(line);
      if (stop) stops.resolve(stop);
    });
    options.signal.addEventListener("abort", () => child.kill("SIGKILL"), { once: true });
    return new Debugger(options, child, lines, { continues: continues.promise, stops: stops.promise });
  }

  /** Resolves when gdb says that it continues: its breakpoints are in by then. @throws CliError after `timeoutMs` */
  continues(timeoutMs: number): Promise<void> {
    return this.#wait(this.#continues, timeoutMs, "did not get to continue");
  }

  /** The stop in listen, once gdb shows it. @throws CliError after `timeoutMs` */
  stopped(timeoutMs: number): Promise<SeenStop> {
    return this.#wait(this.#stops, timeoutMs, "did not stop in listen");
  }

  /** Types commands and lets gdb end with the last of them. @throws CliError after `timeoutMs` */
  async finish(commands: readonly string[], timeoutMs: number): Promise<void> {
    for (const command of [...commands, "quit"]) this.#child.stdin?.write(`${command}\n`);
    this.#child.stdin?.end();
    if (!(await settledWithin(this.#child.exited, timeoutMs))) throw this.#problem("did not end");
  }

  async #wait<T>(event: Promise<T>, timeoutMs: number, problem: string): Promise<T> {
    const seen = event.then((value) => ({ value }));
    const ended = this.#child.exited.then(() => undefined);
    const outcome = Promise.race([seen, ended]);
    const answer = (await settledWithin(outcome, timeoutMs)) ? await outcome : undefined;
    if (answer === undefined) throw this.#problem(problem);
    return answer.value;
  }

  #problem(what: string): CliError {
    return new CliError("failed", `${this.#options.name}'s gdb ${what}:\n${this.#lines.slice(-8).join("\n")}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop("SIGKILL", 0);
  }
}
