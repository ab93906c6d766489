import {
  ERRORS,
  type ErrorCode,
  errorBodySchema,
  PROXY_PATHS,
  RingsideError,
  type Seal,
  sealSchema,
  type TcpEntry,
  type TicketKind,
  tcpEntrySchema,
} from "@ringside/shared";
import type { z } from "zod";
import {
  CELL_ANSWER_BYTES_MAX,
  CELL_REQUEST_TIMEOUT_MS,
  CELL_RETRY_AFTER_SECONDS,
  TRACE_DOWNLOAD_TIMEOUT_MS,
} from "../limits.ts";
import type { CellDirectory } from "./directory.ts";
import type { TicketSigner } from "./tickets.ts";

/**
 * The api's own errands to a cell's gdb-proxy. Each takes a fresh ticket, has a deadline and a cap on what it
 * reads, and follows no redirect. A cell's own error passes through where its code says something to a client.
 */
export interface Errand {
  readonly session: string;
  readonly cell: string;
  /** On whose behalf. */
  readonly user: string;
  readonly signal: AbortSignal;
}

/** In whose role the cell is asked. */
type ServiceRole = "driver" | "instructor";

/** Codes of a cell that a client can do something about; anything else is `cell_unreachable`. */
const PASSED_THROUGH: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "not_found",
  "conflict",
  "session_not_ready",
  "session_ended",
  "debugger_busy",
  "machine_gone",
  "machine_unresponsive",
  "source_not_allowed",
  "rate_limited",
  "no_capacity",
  "storage_full",
  "trace_full",
  "trace_damaged",
  "shutting_down",
]);

export class CellClient {
  readonly #directory: CellDirectory;
  readonly #tickets: TicketSigner;

  constructor(directory: CellDirectory, tickets: TicketSigner) {
    this.#directory = directory;
    this.#tickets = tickets;
  }

  /** Ends the recording. Sealing again answers the same. */
  async seal(errand: Errand): Promise<Seal> {
    const path = PROXY_PATHS.seal(errand.session);
    return readJson(sealSchema, await this.#send(errand, "seal", path, { method: "POST" }, CELL_REQUEST_TIMEOUT_MS));
  }

  /** Opens a TCP port for one gdb from `source`. */
  async openTcpEntry(errand: Errand, role: ServiceRole, source: string): Promise<TcpEntry> {
    const request = {
      method: "POST",
      body: JSON.stringify({ source }),
      headers: { "content-type": "application/json" },
    } as const;
    const path = PROXY_PATHS.tcpEntry(errand.session);
    return readJson(
      tcpEntrySchema,
      await this.#send(errand, "tcp-entry", path, request, CELL_REQUEST_TIMEOUT_MS, role),
    );
  }

  /** The trace as it comes; whoever reads it counts the bytes. */
  async downloadTrace(errand: Errand): Promise<ReadableStream<Uint8Array>> {
    const path = PROXY_PATHS.trace(errand.session);
    const { body } = await this.#send(errand, "trace", path, { method: "GET" }, TRACE_DOWNLOAD_TIMEOUT_MS);
    if (body === null) {
      throw unreachable(new Error("the cell answered without a body"));
    }
    return body;
  }

  async #send(
    errand: Errand,
    kind: TicketKind,
    path: string,
    request: { readonly method: string; readonly body?: string; readonly headers?: Readonly<Record<string, string>> },
    timeoutMs: number,
    role: ServiceRole = "driver",
  ): Promise<Response> {
    const { cell, session, user } = errand;
    const proxy = await this.#directory.proxyOf(cell);
    const ticket = await this.#tickets.sign({ user, session, cell, kind, role });
    let response: Response;
    try {
      response = await fetch(proxy.internalUrl + path, {
        ...request,
        headers: { ...request.headers, authorization: `Bearer ${ticket.jwt}` },
        redirect: "error",
        signal: AbortSignal.any([errand.signal, AbortSignal.timeout(timeoutMs)]),
      });
    } catch (cause) {
      throw unreachable(cause);
    }
    if (!response.ok) {
      throw await errorOf(response);
    }
    return response;
  }
}

async function errorOf(response: Response): Promise<RingsideError> {
  const parsed = errorBodySchema.safeParse(parseJson(await readText(response).catch(() => "")));
  if (parsed.success && PASSED_THROUGH.has(parsed.data.code)) {
    const { code, message } = parsed.data;
    const retry = ERRORS[code].retryable ? { retryAfterSeconds: CELL_RETRY_AFTER_SECONDS } : {};
    return new RingsideError(code, { message, ...retry });
  }
  const code = parsed.success ? parsed.data.code : "no error body";
  return unreachable(new Error(`the cell answered ${response.status} (${code})`));
}

async function readJson<T>(schema: z.ZodType<T>, response: Response): Promise<T> {
  let text: string;
  try {
    text = await readText(response);
  } catch (cause) {
    throw unreachable(cause);
  }
  const parsed = schema.safeParse(parseJson(text));
  if (!parsed.success) {
    throw unreachable(parsed.error);
  }
  return parsed.data;
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > CELL_ANSWER_BYTES_MAX) {
      throw new Error(`the cell's answer is larger than ${CELL_ANSWER_BYTES_MAX} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreachable(cause: unknown): RingsideError {
  return new RingsideError("cell_unreachable", { cause, retryAfterSeconds: CELL_RETRY_AFTER_SECONDS });
}
