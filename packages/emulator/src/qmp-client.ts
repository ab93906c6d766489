import type { Duplex } from "node:stream";
import { RingsideError } from "@ringside/shared";
import { within } from "./deadline.ts";
import { QMP_COMMAND_TIMEOUT_MS, QMP_GREETING_TIMEOUT_MS, QMP_LINE_BYTES_MAX, QMP_PENDING_MAX } from "./limits.ts";
import { LineSplitter } from "./lines.ts";
import { parseQmpLine, type QmpEvent, type QmpMessage } from "./qmp-messages.ts";

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: RingsideError) => void;
}

export interface CommandOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One QMP connection: JSON lines, commands with ids, events between them.
 *
 *   greeting → qmp_capabilities → commands …
 *
 * A peer that sends what is no QMP, or a line above the limit, is given up: all waiting commands fail with
 * `machine_gone`, as they do when the stream ends. An answer that comes after its deadline is dropped.
 */
export class QmpClient {
  readonly #stream: Duplex;
  readonly #lines = new LineSplitter(QMP_LINE_BYTES_MAX);
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  readonly #greeting: Promise<void>;
  #greeted: () => void = () => undefined;
  #refuseGreeting: (error: RingsideError) => void = () => undefined;
  #lost: RingsideError | null = null;
  #lastId = 0;

  constructor(stream: Duplex) {
    this.#stream = stream;
    this.#greeting = new Promise((resolve, reject) => {
      this.#greeted = resolve;
      this.#refuseGreeting = reject;
    });
    this.#greeting.catch(() => undefined); // nobody may be waiting yet
    stream.on("data", (chunk: Buffer) => this.#read(chunk));
    stream.on("error", (cause) => this.#lose("the QMP connection broke", cause));
    stream.on("close", () => this.#lose("QEMU closed its QMP connection"));
    stream.on("end", () => this.#lose("QEMU closed its QMP connection"));
  }

  /** Calls `listener` for each event from now on. Gives the function that ends it. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Waits for the greeting and enters command mode: the first thing to do with a client. */
  async negotiate(signal?: AbortSignal): Promise<void> {
    const patience = { timeoutMs: QMP_GREETING_TIMEOUT_MS, signal };
    await within(this.#greeting, patience, "QMP greeting", "machine_unresponsive");
    await this.execute("qmp_capabilities", {}, { signal });
  }

  /**
   * Runs a command and gives what it returns.
   * @throws RingsideError `machine_unresponsive` after the deadline, `machine_gone` when the connection is lost,
   *   `internal` when QEMU refuses the command (details: class, text)
   */
  execute(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
    options: CommandOptions = {},
  ): Promise<unknown> {
    if (this.#lost !== null) return Promise.reject(this.#lost);
    if (this.#waiting.size >= QMP_PENDING_MAX) {
      return Promise.reject(new RingsideError("machine_unresponsive", { message: "too many QMP commands wait" }));
    }
    this.#lastId += 1;
    const id = this.#lastId;
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#stream.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    const patience = { timeoutMs: options.timeoutMs ?? QMP_COMMAND_TIMEOUT_MS, signal: options.signal };
    return within(answer, patience, `QMP ${command}`, "machine_unresponsive").finally(() => this.#waiting.delete(id));
  }

  /** Gives the connection up; QEMU itself goes on. */
  close(): void {
    this.#lose("the QMP connection was closed");
  }

  #read(chunk: Buffer): void {
    if (this.#lost !== null) return;
    const lines = this.#lines.push(chunk);
    if (lines === null) this.#lose(`a QMP line is longer than ${QMP_LINE_BYTES_MAX} bytes`);
    for (const line of lines ?? []) {
      if (line.trim() === "") continue;
      const message = parseQmpLine(line);
      if (message === null) {
        this.#lose(`not a QMP message: ${line.slice(0, 100)}`);
        return;
      }
      this.#take(message);
    }
  }

  #take(message: QmpMessage): void {
    switch (message.kind) {
      case "greeting":
        this.#greeted();
        break;
      case "return":
        this.#waiting.get(message.id)?.resolve(message.value);
        break;
      case "error":
        this.#refuse(message);
        break;
      case "event":
        for (const listener of this.#listeners) listener(message.event);
        break;
      default:
        message satisfies never;
    }
  }

  #refuse(message: Extract<QmpMessage, { kind: "error" }>): void {
    const details = { class: message.reason, text: message.text };
    const error = new RingsideError("internal", { message: `QEMU refused: ${message.text}`, details });
    if (message.id === undefined) this.#lose(`QEMU did not understand us: ${message.text}`);
    else this.#waiting.get(message.id)?.reject(error);
  }

  #lose(message: string, cause?: unknown): void {
    if (this.#lost !== null) return;
    this.#lost = new RingsideError("machine_gone", { message, cause });
    this.#refuseGreeting(this.#lost);
    for (const { reject } of this.#waiting.values()) reject(this.#lost);
    this.#stream.destroy();
  }
}
