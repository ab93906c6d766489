import { createWriteStream } from "node:fs";
import { mkdir, readdir, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { openTemplate, type Template, unpackTemplateArchive } from "@ringside/emulator";
import { RECORDING_BYTES_MAX, RingsideError } from "@ringside/shared";
import { type ReplayScript, replayScripts, type TraceEvent, verifyTrace } from "@ringside/trace";
import type { Api } from "../api/calls.ts";
import { openResponse } from "../api/client.ts";
import type { Context } from "../context.ts";
import { Digesting } from "../digesting.ts";
import { CliError } from "../exit-codes.ts";
import { DOWNLOAD_TIMEOUT_MS, REPLAY_TEMPLATES_MAX } from "../limits.ts";
import { startProgress } from "../output/progress.ts";
import { cacheFolder } from "../setup/image.ts";

/** What a submission holds for a replay. */
export interface RecordedSession {
  readonly opened: Extract<TraceEvent, { type: "trace.opened" }>;
  readonly events: readonly TraceEvent[];
  /** sha256 over the trace's bytes. */
  readonly digest: string;
  readonly scripts: readonly ReplayScript[];
}

/**
 * Fetches a submission's trace and checks its chain and its seal.
 * @throws CliError where it is damaged, not sealed, or another than the server has on its books
 */
export async function fetchRecordedSession(api: Api, submission: string): Promise<RecordedSession> {
  const { traceDigest } = await api.submission(submission);
  const response = await api.submissionTrace(submission);
  if (response.body === null) throw new CliError("failed", "The server sent no trace");
  const result = await verifyTrace(response.body);
  if (result.status === "damaged") throw new CliError("failed", `The trace is damaged: ${result.why}`);
  if (result.seal === undefined) throw new CliError("failed", "The trace is not sealed: its end is missing");
  if (result.digest !== traceDigest) {
    throw new CliError("failed", `The trace is not the one that was handed in: its sha256 is not ${traceDigest}`);
  }
  const [opened] = result.events;
  if (opened?.type !== "trace.opened") throw new CliError("failed", "The trace has no beginning");
  return { opened, events: result.events, digest: result.digest, scripts: replayScripts(result.events) };
}

/**
 * Fetches a recorded machine's log to `path`, and checks it against the trace.
 * @throws CliError where it was not kept, or is not the one that the trace names
 */
export async function fetchLog(api: Api, submission: string, script: ReplayScript, path: string): Promise<void> {
  const { recording, epoch } = script;
  if (recording === null) {
    throw new CliError(
      "failed",
      `The log of this session's machine ${epoch} was not kept: the trace can be read, but not run again`,
    );
  }
  const response = await get(api, `/v1/submissions/${encodeURIComponent(submission)}/recordings/${epoch}`);
  const digesting = new Digesting(RECORDING_BYTES_MAX, `it is larger than ${RECORDING_BYTES_MAX} bytes`);
  await pipeline(bodyOf(response), digesting, createWriteStream(path, { flags: "wx", mode: 0o600 }), {
    signal: api.options.signal,
  }).catch((cause) => {
    api.options.signal.throwIfAborted();
    throw new CliError("try_later", `The log could not be fetched: ${(cause as Error).message}. Try again.`, { cause });
  });
  if (digesting.sha256() !== recording.sha256) {
    throw new CliError("failed", `The log of machine ${epoch} is not the one that the trace names (sha256)`);
  }
}

/**
 * Opens the template that a recorded machine was a clone of, fetching it once into the cache; the least used beyond
 * REPLAY_TEMPLATES_MAX go. Whoever opens it closes its memory.
 */
export async function fetchTemplate(context: Context, api: Api, contents: string): Promise<Template> {
  const all = join(cacheFolder(context), "replay-templates");
  const folder = join(all, contents);
  const native = join(cacheFolder(context), "native");
  await mkdir(all, { recursive: true, mode: 0o700 });
  const there = await openTemplate(folder, native).catch(() => null);
  if (there !== null) {
    await utimes(folder, new Date(), new Date());
    return there;
  }
  using progress = startProgress(context, "fetching the machine's template (once)");
  const response = await get(api, `/v1/templates/${encodeURIComponent(contents)}`);
  try {
    const file = await unpackTemplateArchive(bodyOf(response), folder, context.signal);
    if (file.contents !== contents) throw new RingsideError("state_damaged", { message: "it is another template" });
  } catch (cause) {
    context.signal.throwIfAborted();
    await rm(folder, { recursive: true, force: true });
    throw new CliError("try_later", `The template could not be fetched: ${(cause as Error).message}`, { cause });
  }
  await keepFew(all);
  progress.done("ready");
  return await openTemplate(folder, native);
}

async function keepFew(folder: string): Promise<void> {
  const names = await readdir(folder);
  const found = await Promise.all(
    names.map(async (name) => ({ name, usedAt: (await stat(join(folder, name))).mtimeMs })),
  );
  const old = found.sort((a, b) => b.usedAt - a.usedAt).slice(REPLAY_TEMPLATES_MAX);
  for (const { name } of old) await rm(join(folder, name), { recursive: true, force: true });
}

const get = (api: Api, path: string): Promise<Response> =>
  openResponse(
    api.options,
    { method: "GET", path, headers: { accept: "application/octet-stream" } },
    DOWNLOAD_TIMEOUT_MS,
  );

function bodyOf(response: Response): Readable {
  if (response.body === null) throw new CliError("failed", "The server sent an empty answer");
  return Readable.fromWeb(response.body as never);
}
