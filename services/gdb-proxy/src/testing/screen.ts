import type { WebSocket } from "ws";

const PROMPT_TIMEOUT_MS = 25_000;

/** What a console client has seen, and typing into it. */
export class Screen {
  readonly ws: WebSocket;
  text = "";
  #seen = 0;

  constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on("message", (data: Buffer) => {
      this.text += data.toString("latin1");
    });
  }

  /** Waits for a text after what was waited for before. */
  async wait(text: string): Promise<void> {
    const until = performance.now() + PROMPT_TIMEOUT_MS;
    for (;;) {
      const at = this.text.indexOf(text, this.#seen);
      if (at >= 0) {
        this.#seen = at + text.length;
        return;
      }
      if (performance.now() > until) throw new Error(`no ${text} in:\n${this.text}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  type(line: string): void {
    this.ws.send(Buffer.from(line));
  }
}
