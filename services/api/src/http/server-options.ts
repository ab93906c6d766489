import { randomBytes } from "node:crypto";
import { type ErrorCode, RingsideError } from "@ringside/shared";
import {
  type FastifyHttpOptions,
  type FastifyReply,
  type FastifyRequest,
  LogController,
  type RawServerDefault,
} from "fastify";
import {
  BODY_BYTES_MAX,
  HEADER_BYTES_MAX,
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  PATH_PARAMETER_CHARS_MAX,
  REQUEST_TIMEOUT_MS,
} from "../limits.ts";
import { errorBody, errorHandler } from "./error-handler.ts";

/** How the HTTP server bounds and answers what is no request yet. */

const REQUEST_ID_BYTES = 9;

const newRequestId = (): string => randomBytes(REQUEST_ID_BYTES).toString("base64url");

/** Node's errors for bytes that are no HTTP request, by their code: the status line to answer. */
const BROKEN: Readonly<
  Record<string, { readonly status: string; readonly code: ErrorCode; readonly message: string }>
> = {
  HPE_HEADER_OVERFLOW: {
    status: "431 Request Header Fields Too Large",
    code: "bad_request",
    message: `The headers are larger than ${HEADER_BYTES_MAX} bytes`,
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: "408 Request Timeout",
    code: "client_stalled",
    message: "The request did not arrive in time",
  },
};
const BROKEN_OTHER = {
  status: "400 Bad Request",
  code: "bad_request",
  message: "This is no valid HTTP request",
} as const;

interface RawError extends Error {
  readonly code?: string;
}
interface RawSocket {
  readonly writable: boolean;
  end(text: string): unknown;
  destroy(): unknown;
}

/** Answers what Node's parser refused, in the form of all our errors. */
function answerBroken(error: RawError, socket: RawSocket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, code, message } = BROKEN[error.code ?? ""] ?? BROKEN_OTHER;
  const body = JSON.stringify(errorBody(new RingsideError(code, { message }), newRequestId()));
  const head = [
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`HTTP/1.1 ${status}\r\n${head.join("\r\n")}\r\n\r\n${body}`);
}

export const SERVER_OPTIONS = {
  bodyLimit: BODY_BYTES_MAX,
  routerOptions: { maxParamLength: PATH_PARAMETER_CHARS_MAX },
  requestTimeout: REQUEST_TIMEOUT_MS,
  keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
  http: {
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: HEADERS_TIMEOUT_MS,
    // Looks for overdue requests this often; Node's own 30 s would make 15 s into 45 s.
    connectionsCheckingInterval: 5_000,
  },
  // A client's own id in our log would be a way to write into it.
  requestIdHeader: false,
  genReqId: newRequestId,
  // One line of our own for each answer instead: app.ts.
  logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "requestId" }),
  // A HEAD of a file would open it for nothing.
  exposeHeadRoutes: false,
  forceCloseConnections: "idle",
  frameworkErrors: (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    void errorHandler(error, request, reply);
  },
  clientErrorHandler: answerBroken,
} as const satisfies Omit<FastifyHttpOptions<RawServerDefault>, "clientErrorHandler" | "frameworkErrors"> &
  Record<string, unknown>;
