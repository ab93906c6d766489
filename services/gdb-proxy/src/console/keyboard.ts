import type { Socket } from "node:net";
import { CONSOLE_ECHO_MS, CONSOLE_INPUT_BYTES_MAX, CONSOLE_PACED_BYTES } from "../limits.ts";

export interface KeyboardOptions {
  /** Input is paced by its echo: see Keyboard. */
  readonly paced: boolean;
  /** False while the guest stands still and takes nothing. */
  readonly guestMayRun: () => boolean;
  /** There is room again. */
  readonly drained: () => void;
  /** A paced guest was given something, or does not echo it: it may be asleep. */
  readonly nudge: () => void;
}

/**
 * What is typed, on its way to the guest; kept while there is no machine to take it. QEMU that records loses
 * what overruns the serial port's 16-byte FIFO, so there a few bytes go at a time, and the next ones when their
 * echo has come, or when the running guest has been silent for a moment.
 */
export class Keyboard {
  readonly #options: KeyboardOptions;
  #socket: Socket | null = null;
  #kept: Buffer = Buffer.alloc(0);
  /** Bytes whose echo has not come yet. */
  #unechoed = 0;
  #silence: NodeJS.Timeout | null = null;
  #nudgedAgain = false;

  constructor(options: KeyboardOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#kept.length + (this.#socket?.writableLength ?? 0) > CONSOLE_INPUT_BYTES_MAX;
  }

  connect(socket: Socket): void {
    this.#socket = socket;
    this.#pump();
  }

  /** No more is written until connect(). */
  disconnect(): void {
    this.#socket = null;
    this.#stopWaiting();
  }

  type(bytes: Buffer): void {
    this.#kept = Buffer.concat([this.#kept, bytes]);
    this.#pump();
  }

  /** The guest has written so many bytes. */
  heard(bytes: number): void {
    if (this.#silence === null) return;
    this.#unechoed -= bytes;
    if (this.#unechoed > 0) this.#silence.refresh();
    else this.#goOn();
  }

  #pump(): void {
    if (this.#socket === null || this.#kept.length === 0 || this.#silence !== null) return;
    if (!this.#options.paced) {
      this.#write(this.#kept.length);
    } else {
      if (this.#options.guestMayRun()) this.#write(CONSOLE_PACED_BYTES);
      this.#silence = setTimeout(() => this.#silent(), CONSOLE_ECHO_MS);
    }
    if (!this.isFull) this.#options.drained();
  }

  #write(bytes: number): void {
    const piece = this.#kept.subarray(0, bytes);
    this.#kept = this.#kept.subarray(piece.length);
    this.#unechoed = piece.length;
    this.#socket?.write(piece);
    if (this.#options.paced) this.#options.nudge();
  }

  /** QEMU may have heard the nudge before it saw what was typed: once more then, and a while to answer. */
  #silent(): void {
    if (this.#unechoed > 0 && !this.#nudgedAgain && this.#options.guestMayRun()) {
      this.#nudgedAgain = true;
      this.#options.nudge();
      this.#silence?.refresh();
    } else {
      this.#goOn();
    }
  }

  /** A guest that stands still is silent for another reason: what it has been sent still fills the FIFO. */
  #goOn(): void {
    if (this.#unechoed > 0 && !this.#options.guestMayRun()) {
      this.#silence?.refresh();
      return;
    }
    this.#stopWaiting();
    this.#pump();
  }

  #stopWaiting(): void {
    if (this.#silence !== null) clearTimeout(this.#silence);
    this.#silence = null;
    this.#unechoed = 0;
    this.#nudgedAgain = false;
  }
}
