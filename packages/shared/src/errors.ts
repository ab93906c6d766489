/**
 * The one table of errors. A code is part of the API: clients branch on it, people search for it.
 * `fault` says who can mend it; `retryable` says whether the same request may succeed later.
 */
export type Fault = "client" | "server" | "guest";

interface ErrorRow {
  readonly status: number;
  readonly message: string;
  readonly fault: Fault;
  readonly retryable: boolean;
}

const row = (status: number, message: string, fault: Fault, retryable = false): ErrorRow => ({
  status,
  message,
  fault,
  retryable,
});

export const ERRORS = {
  bad_request: row(400, "The request is not valid", "client"),
  unauthenticated: row(401, "A valid token is needed: run `ringside login`", "client"),
  forbidden: row(403, "Your role does not allow this", "client"),
  not_found: row(404, "There is no such thing, or you may not know of it", "client"),
  conflict: row(409, "The request does not fit the present state", "client"),
  session_not_ready: row(409, "The session's machine is not ready yet", "client", true),
  session_ended: row(410, "The session has ended", "client"),
  debugger_busy: row(409, "Another debugger is attached to this machine: detach it first", "client", true),
  payload_too_large: row(413, "The request body is too large", "client"),
  unsupported_media_type: row(415, "The content type is not supported: send application/json", "client"),
  idempotency_mismatch: row(422, "This Idempotency-Key was used for a different request", "client"),
  lab_invalid: row(422, "The lab's files are not valid", "client"),
  image_missing: row(503, "The lab's image is not built on this server", "server", true),
  rate_limited: row(429, "Too many requests: slow down", "client", true),
  quota_exceeded: row(429, "You have as many sessions as you may have: stop one first", "client", true),
  queue_full: row(429, "All machines are taken and the queue is full: try again later", "client", true),
  no_capacity: row(503, "All machines are taken: try again soon", "server", true),
  cell_unreachable: row(503, "The cell that hosts this session does not answer", "server", true),
  store_unavailable: row(503, "The database or queue does not answer: try again soon", "server", true),
  storage_full: row(503, "The server's disk is full", "server", true),
  timeout: row(504, "The server took too long", "server", true),
  ticket_invalid: row(401, "The ticket is not valid: ask for a new one", "client"),
  ticket_expired: row(401, "The ticket has expired: ask for a new one", "client", true),
  ticket_used: row(401, "The ticket was used already: ask for a new one", "client", true),
  ticket_mismatch: row(403, "The ticket is for another session or another kind of connection", "client"),
  source_not_allowed: row(403, "Connections from this address are not allowed", "client"),
  client_stalled: row(408, "The client does not read what it is sent", "client", true),
  frame_too_large: row(413, "A frame or packet is larger than the limit", "client"),
  machine_gone: row(410, "The machine behind this connection is gone", "guest", true),
  machine_unresponsive: row(504, "The machine does not answer", "guest", true),
  state_damaged: row(
    409,
    "The machine's saved state cannot be loaded: `ringside reset` gives a fresh machine, the recording is kept",
    "server",
  ),
  trace_full: row(507, "The session's trace has reached its size limit", "client"),
  trace_damaged: row(422, "The trace is damaged", "server"),
  shutting_down: row(503, "The server is shutting down: reconnect soon", "server", true),
  internal: row(500, "Something went wrong on the server", "server"),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

export const ERROR_CODES = Object.keys(ERRORS) as readonly ErrorCode[];

/** Every error that a user may see. `message` adds detail to the table's text; `details` is for machines. */
export class RingsideError extends Error {
  override readonly name = "RingsideError";
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  /** Seconds after which a retry makes sense; becomes the Retry-After header. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    options: {
      readonly message?: string;
      readonly cause?: unknown;
      readonly details?: Readonly<Record<string, unknown>>;
      readonly retryAfterSeconds?: number;
    } = {},
  ) {
    super(options.message ?? ERRORS[code].message, { cause: options.cause });
    this.code = code;
    this.details = options.details;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** WebSocket close codes, by the error that causes them. Others close with 4000. */
export const CLOSE_CODES = {
  frame_too_large: 1009,
  client_stalled: 1013,
  shutting_down: 1012,
  ticket_invalid: 4401,
  ticket_expired: 4401,
  ticket_used: 4401,
  ticket_mismatch: 4403,
  source_not_allowed: 4403,
  not_found: 4404,
  session_not_ready: 4425,
  debugger_busy: 4409,
  machine_gone: 4410,
  session_ended: 4410,
  machine_unresponsive: 4504,
  state_damaged: 4409,
  storage_full: 4507,
  trace_full: 4507,
} as const satisfies Partial<Record<ErrorCode, number>>;

export const CLOSE_CODE_OTHER = 4000;

/** The WebSocket close code for an error. */
export function closeCodeFor(code: ErrorCode): number {
  return (CLOSE_CODES as Partial<Record<ErrorCode, number>>)[code] ?? CLOSE_CODE_OTHER;
}
