import { ERRORS, errorBodySchema } from "@ringside/shared";
import type { z } from "zod";
import { CliError, exitForCode } from "../exit-codes.ts";
import { API_BODY_BYTES_MAX, API_TIMEOUT_MS } from "../limits.ts";

export interface ApiOptions {
  /** Base URL of the server, such as http://127.0.0.1:8080. */
  readonly url: string;
  readonly token: string | undefined;
  readonly signal: AbortSignal;
}

export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Time that the server was asked to wait, on top of the usual deadline. */
  readonly waitMs?: number;
}

/**
 * Calls the API and checks the answer against its schema.
 * @throws CliError in words: the server's own message, or why it could not be reached
 */
export async function callApi<S extends z.ZodType>(
  options: ApiOptions,
  request: ApiRequest,
  schema: S,
): Promise<z.infer<S>> {
  const response = await openResponse(options, request, API_TIMEOUT_MS + (request.waitMs ?? 0));
  const text = await readText(response, API_BODY_BYTES_MAX).catch((cause) => {
    throw unreachable(options, cause);
  });
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new CliError(
    "failed",
    `The server at ${options.url} answered ${request.method} ${request.path} with something else than expected ` +
      `(${parsed.error.issues[0]?.path.join(".") || "body"}: ${parsed.error.issues[0]?.message}). ` +
      "Do this command and the server have the same version?",
  );
}

/**
 * Sends the request and gives the response once its status is known to be 2xx; the body is not read yet.
 * @throws CliError as callApi
 */
export async function openResponse(options: ApiOptions, request: ApiRequest, timeoutMs: number): Promise<Response> {
  const url = new URL(request.path, options.url);
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  const response = await fetch(url, {
    method: request.method,
    headers: {
      accept: "application/json",
      ...(options.token && { authorization: `Bearer ${options.token}` }),
      ...(request.body !== undefined && { "content-type": "application/json" }),
      ...request.headers,
    },
    ...(request.body !== undefined && { body: JSON.stringify(request.body) }),
    redirect: "error",
    signal: AbortSignal.any([options.signal, AbortSignal.timeout(timeoutMs)]),
  }).catch((cause) => {
    throw unreachable(options, cause);
  });
  if (response.ok) return response;
  throw answeredError(options, response, await readText(response, API_BODY_BYTES_MAX).catch(() => ""));
}

/** The error for an answer that is not 2xx. */
function answeredError(options: ApiOptions, response: Response, text: string): CliError {
  const body = errorBodySchema.safeParse(parseJson(text));
  if (!body.success) {
    const exit = response.status >= 500 || response.status === 429 ? "try_later" : "failed";
    return new CliError(
      exit,
      `${options.url} answered ${response.status} and no Ringside error: is it a Ringside server?`,
    );
  }
  const { code, message, details, requestId } = body.data;
  const lines = [message === "" ? ERRORS[code].message : message];
  if (details !== undefined) lines.push(`  ${JSON.stringify(details)}`);
  const seconds = Number(response.headers.get("retry-after"));
  if (seconds > 0) lines.push(`  Try again in ${seconds} s.`);
  if (ERRORS[code].fault === "server") lines.push(`  Request ${requestId}: name it when you ask for help.`);
  return new CliError(exitForCode(code), lines.join("\n"), { code });
}

function unreachable(options: ApiOptions, cause: unknown): CliError {
  if (options.signal.aborted) return new CliError("interrupted", "interrupted", { cause });
  if (cause instanceof Error && cause.name === "TimeoutError") {
    return new CliError("try_later", `The server at ${options.url} did not answer in time: try again soon.`, { cause });
  }
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const reason = inner instanceof Error ? inner.message || (inner as NodeJS.ErrnoException).code : String(inner);
  return new CliError(
    "try_later",
    `The server at ${options.url} cannot be reached (${reason}).\n` +
      "  Is it running? `ringside up` starts one here; `ringside login --url URL` chooses another.",
    { cause },
  );
}

/** Reads a body of at most `bytesMax` bytes as UTF-8. */
async function readText(response: Response, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new CliError("failed", `The server's answer is larger than ${bytesMax} bytes.`);
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
