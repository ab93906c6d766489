import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { REPLAY_CONSOLE_BYTES_MAX } from "./limits.ts";

/** Reads a machine's console from beginning to end, however much it is, and keeps the first REPLAY_CONSOLE_BYTES_MAX. */
export class ConsoleTap {
  readonly #socket: Socket;
  readonly #pieces: string[] = [];
  #kept = 0;
  #lost = 0;
  #heardAt = performance.now();

  /** @param start what the guest had written before; one character per byte */
  constructor(path: string, start: string) {
    this.#pieces.push(start);
    this.#socket = connect(path);
    this.#socket.on("error", () => undefined); // it goes away with QEMU, whose end is observed
    this.#socket.on("data", (chunk: Buffer) => {
      this.#heardAt = performance.now();
      const room = Math.min(chunk.length, REPLAY_CONSOLE_BYTES_MAX - this.#kept);
      this.#kept += room;
      this.#lost += chunk.length - room;
      if (room > 0) this.#pieces.push(chunk.toString("latin1", 0, room));
    });
  }

  get text(): string {
    return this.#pieces.join("");
  }

  /** False once something could not be kept. */
  get whole(): boolean {
    return this.#lost === 0;
  }

  /** Waits until nothing has come for `ms`. */
  async quiet(ms: number): Promise<void> {
    for (;;) {
      const left = this.#heardAt + ms - performance.now();
      if (left <= 0 || this.#lost > 0) return;
      await sleep(left);
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
