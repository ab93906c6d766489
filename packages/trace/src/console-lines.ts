import { CONSOLE_LINE_CHARS_MAX } from "./limits.ts";

/** Terminal control: CSI and OSC sequences, and ESC with one character (ECMA-48). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[^[\]])/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\0-\x08\x0b-\x1f\x7f]/g;
const BACKSPACE = "\b";
const DELETE = "\x7f";
/** Ctrl-U and Ctrl-C give up the line. */
const KILL = "\x15";
const INTERRUPT = "\x03";

/** Lines as a person typed them: with the terminal's line editing done. */
export class TypedLines {
  #line = "";

  /** Takes keys; gives the lines that an Enter among them ended. */
  push(data: string): readonly string[] {
    const lines: string[] = [];
    for (const key of data.replace(ESCAPES, "")) {
      if (key === "\r" || key === "\n") {
        if (this.#line !== "") lines.push(this.#line);
        this.#line = "";
      } else if (key === BACKSPACE || key === DELETE) this.#line = this.#line.slice(0, -1);
      else if (key === KILL || key === INTERRUPT) this.#line = "";
      else if (key >= " " && this.#line.length < CONSOLE_LINE_CHARS_MAX) this.#line += key;
    }
    return lines;
  }
}

/** Lines that the guest printed, without terminal control. */
export class PrintedLines {
  #line = "";

  /** Takes output; gives the lines that it completes. */
  push(data: string): readonly string[] {
    const parts = data.split("\n");
    const last = parts.pop() ?? "";
    const lines = parts.map((part) => {
      const line = printable(this.#line + part);
      this.#line = "";
      return line;
    });
    this.#line = (this.#line + last).slice(0, CONSOLE_LINE_CHARS_MAX);
    return lines;
  }
}

function printable(line: string): string {
  return line.slice(0, CONSOLE_LINE_CHARS_MAX).replace(ESCAPES, "").replace(CONTROLS, "");
}
