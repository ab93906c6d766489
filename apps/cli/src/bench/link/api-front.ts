import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { BENCH_STEP_MS } from "../../limits.ts";

/**
 * An api before the api: everything is passed on, but in its JSON answers the cell's address for WebSockets is that of
 * a delayed line. So a near agent goes through the line without knowing it.
 */
export class ApiFront implements AsyncDisposable {
  readonly url: string;
  readonly #server;
  #cell: { readonly host: string; readonly port: number } | undefined;

  private constructor(url: string, server: ReturnType<typeof createServer>) {
    this.url = url;
    this.#server = server;
  }

  /** @param linePort asked for with each answer */
  static async open(apiUrl: string, linePort: () => number): Promise<ApiFront> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const front = new ApiFront(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, server);
    server.on("request", (asked: IncomingMessage, answer: ServerResponse) => {
      front.#pass(apiUrl, asked, answer, linePort);
    });
    return front;
  }

  /** The cell's own address. @throws Error before any answer named it */
  get cell(): { readonly host: string; readonly port: number } {
    if (this.#cell === undefined) throw new Error("no answer of the api has named the cell yet");
    return this.#cell;
  }

  #pass(apiUrl: string, asked: IncomingMessage, answer: ServerResponse, linePort: () => number): void {
    const to = new URL(asked.url ?? "/", apiUrl);
    const headers = { ...asked.headers, host: to.host };
    const passed = request(to, { method: asked.method, headers, timeout: BENCH_STEP_MS }, (response) => {
      if (!response.headers["content-type"]?.includes("application/json")) {
        answer.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(answer);
        return;
      }
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const body = Buffer.from(this.#rewritten(Buffer.concat(chunks).toString("utf8"), linePort()));
        const { "transfer-encoding": _chunked, ...rest } = response.headers;
        answer.writeHead(response.statusCode ?? 502, { ...rest, "content-length": body.length });
        answer.end(body);
      });
    });
    passed.on("error", () => answer.destroy());
    asked.pipe(passed);
  }

  #rewritten(json: string, linePort: number): string {
    return json.replaceAll(/ws:\/\/([\w.-]+):(\d+)/g, (_all, host: string, port: string) => {
      this.#cell = { host, port: Number(port) };
      return `ws://127.0.0.1:${linePort}`;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
