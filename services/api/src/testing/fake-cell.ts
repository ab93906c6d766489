import { createHash, type KeyObject } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type CellProxy,
  cellProxyKey,
  type ErrorCode,
  type Seal,
  TICKET_AUDIENCE,
  TICKET_ISSUER,
  ticketClaimsSchema,
} from "@ringside/shared";
import type { Redis } from "ioredis";
import { jwtVerify } from "jose";

/** Stands in for a cell's gdb-proxy: serves the api's errands and checks every ticket as the real one does. */
export interface FakeCell extends AsyncDisposable {
  readonly proxy: CellProxy;
  /** Traces by session. */
  readonly traces: Map<string, Buffer>;
  /** `seal ses_…`, `trace ses_…` and so on, in order. */
  readonly errands: string[];
  /** Change what the cell does next. */
  fault: "none" | "short_trace" | "other_trace" | "busy" | "garbage" | "long_answer";
}

/** Any bytes will do for a trace: the api looks at nothing but their number and digest. */
export function sealOf(trace: Buffer): Seal {
  return {
    events: 2,
    bytes: trace.length,
    digest: createHash("sha256").update(trace).digest("hex"),
    head: "ab".repeat(32),
  };
}

export async function startFakeCell(
  redis: Redis,
  prefix: string,
  name: string,
  ticketKey: KeyObject,
): Promise<FakeCell> {
  const server = createServer((request, response) => {
    answer(cell, ticketKey, request, response).catch((error: unknown) => {
      response.statusCode = 500;
      response.end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const cell: FakeCell = {
    proxy: { cell: name, publicUrl: `ws://cell.example:${port}`, internalUrl: `http://127.0.0.1:${port}` },
    traces: new Map(),
    errands: [],
    fault: "none",
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  await redis.set(cellProxyKey(prefix, name), JSON.stringify(cell.proxy));
  return cell;
}

async function answer(
  cell: FakeCell,
  ticketKey: KeyObject,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [, session = "", errand = ""] =
    /^\/v1\/sessions\/([^/]+)\/(seal|trace|tcp-entry)$/.exec(request.url ?? "") ?? [];
  const jwt = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
  const { payload } = await jwtVerify(jwt, ticketKey, {
    issuer: TICKET_ISSUER,
    audience: TICKET_AUDIENCE,
    algorithms: ["EdDSA"],
  });
  const claims = ticketClaimsSchema.parse(payload);
  if (claims.sid !== session || claims.kind !== errand || claims.cell !== cell.proxy.cell) {
    fail(response, 403, "ticket_mismatch");
    return;
  }
  cell.errands.push(`${errand} ${session}`);
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
  }
  switch (cell.fault) {
    case "busy":
      fail(response, 409, "debugger_busy");
      return;
    case "garbage":
      response.end("<html>");
      return;
    case "long_answer":
      response.end("x".repeat(1024 * 1024));
      return;
    default:
      serve(cell, session, errand, Buffer.concat(chunks).toString(), response);
  }
}

function serve(cell: FakeCell, session: string, errand: string, body: string, response: ServerResponse): void {
  if (errand === "tcp-entry") {
    const { source } = JSON.parse(body) as { source: string };
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    response.end(JSON.stringify({ host: source === "127.0.0.1" ? "cell.example" : source, port: 4_000, expiresAt }));
    return;
  }
  const trace = cell.traces.get(session);
  if (trace === undefined) {
    fail(response, 404, "not_found");
    return;
  }
  if (errand === "seal") {
    response.end(JSON.stringify(sealOf(trace)));
    return;
  }
  if (cell.fault === "short_trace") {
    response.end(trace.subarray(0, trace.length - 1));
    return;
  }
  response.end(cell.fault === "other_trace" ? Buffer.alloc(trace.length, "x") : trace);
}

function fail(response: ServerResponse, status: number, code: ErrorCode): void {
  response.statusCode = status;
  response.end(JSON.stringify({ code, message: `fake cell: ${code}`, requestId: "r-1" }));
}
