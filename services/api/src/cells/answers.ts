import { ERRORS, type ErrorCode, errorBodySchema, RingsideError } from "@ringside/shared";
import type { z } from "zod";
import { CELL_ANSWER_BYTES_MAX, CELL_RETRY_AFTER_SECONDS } from "../limits.ts";

/** What comes back from a cell's gdb-proxy: bounded, checked, and its errors turned into ours. */

/** Codes of a cell that a client can do something about; anything else is `cell_unreachable`. */
const PASSED_THROUGH: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "not_found",
  "conflict",
  "session_not_ready",
  "session_ended",
  "debugger_busy",
  "machine_gone",
  "machine_unresponsive",
  "timeout",
  "state_damaged",
  "source_not_allowed",
  "rate_limited",
  "quota_exceeded",
  "queue_full",
  "no_capacity",
  "storage_full",
  "trace_full",
  "trace_damaged",
  "shutting_down",
]);

export async function errorOf(response: Response): Promise<RingsideError> {
  const parsed = errorBodySchema.safeParse(parseJson(await readText(response).catch(() => "")));
  if (parsed.success && PASSED_THROUGH.has(parsed.data.code)) {
    const { code, message } = parsed.data;
    const retry = ERRORS[code].retryable ? { retryAfterSeconds: CELL_RETRY_AFTER_SECONDS } : {};
    return new RingsideError(code, { message, ...retry });
  }
  const code = parsed.success ? parsed.data.code : "no error body";
  return unreachable(new Error(`the cell answered ${response.status} (${code})`));
}

/** @throws RingsideError cell_unreachable where the answer is too long or not of the schema */
export async function readJson<T>(schema: z.ZodType<T>, response: Response): Promise<T> {
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

export function unreachable(cause: unknown): RingsideError {
  return new RingsideError("cell_unreachable", { cause, retryAfterSeconds: CELL_RETRY_AFTER_SECONDS });
}
