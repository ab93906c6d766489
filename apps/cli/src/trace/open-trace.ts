import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { type Submission, sessionIdSchema, submissionIdSchema } from "@ringside/shared";
import { readTraceBytes, type VerifyResult, verifyTrace } from "@ringside/trace";
import type { Api } from "../api/calls.ts";
import { loggedInApi } from "../api/credentials.ts";
import type { Context } from "../context.ts";
import { CliError } from "../exit-codes.ts";

/** What `ringside trace` can be asked about, for its help. */
export const TRACE_SOURCES = "a submission or session, a trace file, or a folder of segments";

export interface OpenedTrace {
  /** What its reader says of it: the file may be anybody's, and damaged. */
  readonly result: VerifyResult;
  /** Undefined for files and folders. */
  readonly submission: Submission | undefined;
}

/**
 * Reads and verifies a recording.
 * @param source a submission's or session's id, a file, or a folder of segments
 * @throws CliError where there is none
 */
export async function openTrace(context: Context, source: string): Promise<OpenedTrace> {
  if (submissionIdSchema.safeParse(source).success || sessionIdSchema.safeParse(source).success) {
    const api = await loggedInApi(context);
    const submission = await findSubmission(api, source);
    const response = await api.submissionTrace(submission.id);
    if (response.body === null) throw new CliError("failed", "The server sent no recording");
    return { result: await verifyTrace(response.body), submission };
  }
  return { result: await verifyTrace(await openFile(source)), submission: undefined };
}

/**
 * The submission of that id, or of that session.
 * @throws CliError usage where it is no such id, not_found where the session was not handed in
 */
export async function findSubmission(api: Api, what: string): Promise<Submission> {
  if (submissionIdSchema.safeParse(what).success) return api.submission(what);
  if (!sessionIdSchema.safeParse(what).success) {
    throw new CliError(
      "usage",
      `${what} is neither a submission nor a session: \`ringside sessions --all\` lists both`,
    );
  }
  const { submission } = await api.session(what);
  if (submission !== null) return api.submission(submission);
  throw new CliError("not_found", `The session ${what} was not handed in: \`ringside submit ${what}\` does`);
}

async function openFile(source: string): Promise<AsyncIterable<Uint8Array>> {
  const found = await stat(source).catch(() => undefined);
  if (found?.isDirectory()) return readTraceBytes(source);
  if (found?.isFile()) return createReadStream(source);
  throw new CliError("not_found", `${source} is neither a submission nor a session nor a file nor a folder`);
}
