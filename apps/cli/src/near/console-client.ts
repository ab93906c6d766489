import type { WebSocket } from "ws";
import type { Api } from "../api/calls.ts";
import { CliError } from "../exit-codes.ts";
import { BRIDGE_CLOSE_MS, CONSOLE_KEPT_CHARS, CONSOLE_QUIET_MS, CONSOLE_SETTLE_MS_MAX } from "../limits.ts";
import { settledWithin } from "../settled.ts";
import { closeWords, openWebSocket } from "./websocket.ts";

/** A session's console for a script: send text, wait for text. Bytes are read as latin-1, one character each. */
export class ConsoleClient implements AsyncDisposable {
  readonly #socket: WebSocket;
  /** Output that no wait has consumed yet, its beginning cut at CONSOLE_KEPT_CHARS. */
  #unread = "";
  #closed: string | undefined;
  #wake = Promise.withResolvers<void>();

  constructor(socket: WebSocket, onOutput: (text: string) => void) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => {
      const text = data.toString("latin1");
      this.#unread = (this.#unread + text).slice(-CONSOLE_KEPT_CHARS);
      onOutput(text);
      this.#notify();
    });
    socket.once("close", (code, reason) => {
      this.#closed = closeWords(code, reason.toString("utf8")) ?? "The console was closed.";
      this.#notify();
    });
    socket.resume();
  }

  /** @throws CliError where the console cannot be opened */
  static async open(
    api: Api,
    session: string,
    signal: AbortSignal,
    onOutput: (text: string) => void = () => undefined,
  ): Promise<ConsoleClient> {
    const socket = await openWebSocket(await api.ticket(session, "console"), signal);
    const abort = () => socket.terminate();
    signal.addEventListener("abort", abort);
    socket.once("close", () => signal.removeEventListener("abort", abort));
    return new ConsoleClient(socket, onOutput);
  }

  #notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }

  /** Types `text`, as latin-1. */
  send(text: string): void {
    this.#socket.send(Buffer.from(text, "latin1"), { binary: true });
  }

  /**
   * Waits until the console is quiet, and consumes all. A console shows again what it showed before, so a script
   * that types something and waits for the answer lets that pass first.
   */
  async settle(): Promise<void> {
    const deadline = Date.now() + CONSOLE_SETTLE_MS_MAX;
    while (Date.now() < deadline && this.#closed === undefined) {
      if (!(await settledWithin(this.#wake.promise, CONSOLE_QUIET_MS))) break;
    }
    this.#unread = "";
  }

  /**
   * Waits until `text` is in the output that was not consumed yet, and consumes up to its end.
   * @returns what was consumed
   * @throws CliError after `timeoutMs`, or when the console closes
   */
  async expect(text: string, timeoutMs: number): Promise<string> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const wake = this.#wake.promise;
      const at = this.#unread.indexOf(text);
      if (at >= 0) {
        const seen = this.#unread.slice(0, at + text.length);
        this.#unread = this.#unread.slice(at + text.length);
        return seen;
      }
      if (this.#closed !== undefined) throw new CliError("failed", this.#closed);
      if (!(await settledWithin(wake, deadline - Date.now()))) {
        throw new CliError("failed", `The console did not show ${JSON.stringify(text)} within ${timeoutMs / 1000} s`);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#socket.once("close", () => resolve()));
    if (this.#closed !== undefined) return;
    this.#socket.close(1000);
    if (!(await settledWithin(closed, BRIDGE_CLOSE_MS))) this.#socket.terminate();
  }
}
