import { randomUUID } from "node:crypto";
import { chmod, rename, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { CELL_LINK_PATH, cellLinkRequestSchema, ERRORS, type ErrorBody, RingsideError } from "@ringside/shared";
import type { Logger } from "pino";
import { z } from "zod";
import type { CellErrands } from "./cell-errands.ts";
import { errorOfErrand } from "./failure.ts";
import {
  CELL_LINK_BODY_BYTES_MAX,
  CELL_LINK_CONNECTIONS_MAX,
  CELL_LINK_IDLE_MS,
  HTTP_REQUEST_TIMEOUT_MS,
} from "./limits.ts";

const ONLY_US = 0o600;

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > CELL_LINK_BODY_BYTES_MAX) throw new RingsideError("payload_too_large");
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (cause) {
    throw new RingsideError("bad_request", { message: "the body is not JSON", cause });
  }
}

async function answer(request: IncomingMessage, errands: CellErrands): Promise<unknown> {
  if (request.url !== CELL_LINK_PATH || request.method !== "POST") throw new RingsideError("not_found");
  const parsed = cellLinkRequestSchema.safeParse(await readBody(request));
  if (!parsed.success) throw new RingsideError("bad_request", { message: z.prettifyError(parsed.error) });
  return errands.perform(parsed.data);
}

function sendError(response: ServerResponse, error: RingsideError): void {
  const { code, message, details, retryAfterSeconds } = error;
  const body: ErrorBody = { code, message, requestId: randomUUID(), ...(details === undefined ? {} : { details }) };
  const retry = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
  response.writeHead(ERRORS[code].status, { "content-type": "application/json", ...retry });
  response.end(`${JSON.stringify(body)}\n`);
}

/**
 * Hears the cell's proxy on a unix socket that only our own user reaches.
 * @param path the socket's; one that a crash left is replaced
 */
export async function startCellLink(path: string, errands: CellErrands, log: Logger): Promise<AsyncDisposable> {
  const server = createServer((request, response) => {
    answer(request, errands).then(
      (body) => response.writeHead(200, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`),
      (cause: unknown) => {
        const error = errorOfErrand(cause);
        log.warn({ error: cause, code: error.code }, "an errand of the proxy failed");
        sendError(response, error);
      },
    );
  });
  server.requestTimeout = HTTP_REQUEST_TIMEOUT_MS;
  server.keepAliveTimeout = CELL_LINK_IDLE_MS;
  server.maxConnections = CELL_LINK_CONNECTIONS_MAX;
  const making = `${path}.new`;
  await rm(making, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(making, resolve);
  });
  await chmod(making, ONLY_US);
  await rename(making, path);
  return {
    async [Symbol.asyncDispose]() {
      await rm(path, { force: true });
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
