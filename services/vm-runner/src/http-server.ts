import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import { HTTP_CONNECTIONS_MAX, HTTP_REQUEST_TIMEOUT_MS } from "./limits.ts";

export interface HttpOptions {
  /** On 127.0.0.1; 0 takes any free port. */
  readonly port: number;
  readonly registry: Registry;
  /** Null when ready, else why not. */
  readonly notReady: () => string | null;
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body);
}

async function answer(request: IncomingMessage, response: ServerResponse, options: HttpOptions): Promise<void> {
  const path = (request.url ?? "/").split("?")[0];
  const json = "application/json";
  if (request.method !== "GET") {
    send(response, 405, json, '{"code":"bad_request","message":"only GET"}\n');
  } else if (path === "/healthz") {
    send(response, 200, json, '{"status":"ok"}\n');
  } else if (path === "/readyz") {
    const why = options.notReady();
    send(response, why === null ? 200 : 503, json, `${JSON.stringify({ status: why ?? "ready" })}\n`);
  } else if (path === "/metrics") {
    send(response, 200, options.registry.contentType, await options.registry.metrics());
  } else {
    send(response, 404, json, '{"code":"not_found","message":"there are /healthz, /readyz and /metrics"}\n');
  }
}

/** Serves health and metrics to this host only. */
export async function startHttp(options: HttpOptions): Promise<{ readonly port: number } & AsyncDisposable> {
  const server: Server = createServer((request, response) => {
    answer(request, response, options).catch(() => response.destroy());
  });
  server.requestTimeout = HTTP_REQUEST_TIMEOUT_MS;
  server.headersTimeout = HTTP_REQUEST_TIMEOUT_MS;
  server.maxConnections = HTTP_CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { port, [Symbol.asyncDispose]: close };
}
