import type { Context } from "../context.ts";
import { cut } from "./table.ts";

const COLUMNS_DEFAULT = 80;
const ROWS_DEFAULT = 24;

/**
 * Text on stdout that each new one replaces, on a terminal. What does not fit is cut off: a wrapped or scrolled line
 * could not be replaced. The last text stays when the command ends.
 */
export class LiveScreen {
  readonly #stdout: Context["stdout"];
  #rows = 0;

  constructor(stdout: Context["stdout"]) {
    this.#stdout = stdout;
  }

  /** @param text free of control characters, save for line ends */
  show(text: string): void {
    const { columns = COLUMNS_DEFAULT, rows = ROWS_DEFAULT } = this.#stdout;
    const lines = text.split("\n").slice(0, rows - 1);
    const up = this.#rows > 0 ? `\u001b[${this.#rows}A` : "";
    this.#stdout.write(`${up}\r\u001b[J${lines.map((line) => `${cut(line, columns - 1)}\n`).join("")}`);
    this.#rows = lines.length;
  }
}
