import type { Context } from "../context.ts";
import { PROGRESS_LINE_MS } from "../limits.ts";
import { cut, plain } from "./table.ts";

export interface Progress extends Disposable {
  /** Shows where the work stands. On a terminal it replaces the line; elsewhere it prints at most one line in a while. */
  readonly update: (text: string) => void;
  /** Leaves a last line that stays. */
  readonly done: (text: string) => void;
}

/** Shows one piece of work on stderr; silent with --json. */
export function startProgress(context: Context, label: string): Progress {
  const { stderr } = context;
  const live = stderr.isTTY === true && !context.json();
  let lastPrinted = 0;
  let shown = false;
  const clear = () => {
    if (shown) stderr.write("\r\u001b[2K");
    shown = false;
  };
  const update = (text: string) => {
    if (context.json()) return;
    const line = plain(text === "" ? label : `${label}: ${text}`);
    if (live) {
      clear();
      stderr.write(cut(line, (stderr.columns ?? 80) - 1));
      shown = true;
    } else if (Date.now() - lastPrinted >= PROGRESS_LINE_MS) {
      lastPrinted = Date.now();
      stderr.write(`${line}\n`);
    }
  };
  const done = (text: string) => {
    clear();
    if (!context.json()) stderr.write(`${plain(`${label}: ${text}`)}\n`);
  };
  update("");
  return { update, done, [Symbol.dispose]: clear };
}
