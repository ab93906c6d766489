import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";
import { LOG_BYTES_MAX, LOG_FILES_MAX } from "../limits.ts";

/** A log file of the box, bounded: at LOG_BYTES_MAX it is renamed away, and LOG_FILES_MAX old ones are kept. */
export class LogFile implements Disposable {
  readonly path: string;
  #fd: number;
  #bytes: number;
  /** Lines that could not be written since the last one that could: a full disk must not end the box. */
  #lost = 0;

  constructor(path: string) {
    this.path = path;
    this.#fd = openSync(path, "a", 0o600);
    this.#bytes = fstatSync(this.#fd).size;
  }

  /** Appends a line at once; nothing waits in memory. */
  write(line: string): void {
    const text = this.#lost > 0 ? `[${this.#lost} lines lost: the disk was full]\n${line}\n` : `${line}\n`;
    try {
      if (this.#bytes >= LOG_BYTES_MAX) this.#rotate();
      this.#bytes += writeSync(this.#fd, text);
      this.#lost = 0;
    } catch {
      this.#lost++;
    }
  }

  #rotate(): void {
    for (let n = LOG_FILES_MAX - 1; n >= 1; n--) {
      try {
        renameSync(`${this.path}.${n}`, `${this.path}.${n + 1}`);
      } catch {
        // It is not there yet.
      }
    }
    renameSync(this.path, `${this.path}.1`);
    closeSync(this.#fd);
    this.#fd = openSync(this.path, "a", 0o600);
    this.#bytes = 0;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
