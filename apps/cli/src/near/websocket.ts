import type { IncomingMessage } from "node:http";
import {
  CLOSE_CODES,
  closeCodeFor,
  ERRORS,
  type ErrorCode,
  errorBodySchema,
  type TicketAnswer,
} from "@ringside/shared";
import { WebSocket } from "ws";
import { CliError, exitForCode } from "../exit-codes.ts";
import { FRAME_BYTES_MAX, REFUSAL_BODY_BYTES_MAX, WS_OPEN_MS } from "../limits.ts";

/** A WebSocket with a protocol of its own, compressed where the cell wants that. */
export interface Subprotocol {
  readonly protocol: string;
  /** Longest message. */
  readonly bytesMax: number;
  /** What is thrown where the cell does not know the protocol. */
  readonly unknown: () => Error;
}

/**
 * Opens a cell's WebSocket with a ticket. It is paused: nothing is lost before the first listener.
 * @throws CliError that says in words why the cell refused
 */
export async function openWebSocket(
  ticket: Pick<TicketAnswer, "url" | "ticket">,
  signal: AbortSignal,
  subprotocol?: Subprotocol,
): Promise<WebSocket> {
  const socket = new WebSocket(ticket.url, subprotocol === undefined ? [] : [subprotocol.protocol], {
    headers: { authorization: `Bearer ${ticket.ticket}` },
    handshakeTimeout: WS_OPEN_MS,
    maxPayload: subprotocol?.bytesMax ?? FRAME_BYTES_MAX,
    // It costs more than it saves on packets of some bytes.
    perMessageDeflate: subprotocol !== undefined,
    followRedirects: false,
  });
  let isKnown = true;
  socket.once("upgrade", ({ headers }: IncomingMessage) => {
    isKnown = subprotocol === undefined || headers["sec-websocket-protocol"] !== undefined;
  });
  // Nothing may be lost between "open" and the bridge's first listener.
  socket.once("open", () => socket.pause());
  const abort = () => socket.terminate();
  signal.addEventListener("abort", abort);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", (cause) => {
        reject(isKnown || subprotocol === undefined ? unreachable(ticket.url, cause) : subprotocol.unknown());
      });
      socket.once("unexpected-response", (_request, response: IncomingMessage) => {
        refusal(ticket.url, response).then(reject, reject);
      });
      if (signal.aborted) abort();
    });
  } catch (cause) {
    socket.on("error", () => undefined);
    socket.terminate();
    if (signal.aborted) throw new CliError("interrupted", "interrupted", { cause });
    throw cause;
  } finally {
    signal.removeEventListener("abort", abort);
  }
  socket.on("error", () => undefined);
  return socket;
}

function unreachable(url: string, cause: Error): CliError {
  const host = new URL(url).host;
  return new CliError(
    "try_later",
    `The machine's host ${host} cannot be reached (${cause.message}).\n` +
      "  A firewall between you and it? Try again; `ringside sessions` shows whether your session still lives.",
    { cause },
  );
}

async function refusal(url: string, response: IncomingMessage): Promise<CliError> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > REFUSAL_BODY_BYTES_MAX) break;
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  const parsed = errorBodySchema.safeParse(body);
  if (!parsed.success) {
    return new CliError(
      "failed",
      `${new URL(url).host} answered ${response.statusCode} instead of opening a connection.`,
    );
  }
  const { code, message } = parsed.data;
  return new CliError(exitForCode(code), message || ERRORS[code].message, { code });
}

/** The error that a close code says. */
export function closeError(code: number, reason: string): CliError {
  const words = closeWords(code, reason) ?? "The server closed the connection.";
  const known = errorOf(code);
  return new CliError(known === undefined ? "try_later" : exitForCode(known), words, known && { code: known });
}

const errorOf = (code: number): ErrorCode | undefined =>
  (Object.keys(CLOSE_CODES) as ErrorCode[]).find((name) => closeCodeFor(name) === code);

/** What a close code and its reason mean, for people; undefined where the connection ended in good order. */
export function closeWords(code: number, reason: string): string | undefined {
  if (code === 1000) return undefined;
  if (reason !== "") return reason;
  if (code === 1006) return "The connection to the machine's host broke off.";
  const known = errorOf(code);
  return known ? ERRORS[known].message : `The server closed the connection (code ${code}).`;
}
