import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { epochSchema, recordingPath, recordingSchema, type SessionRecording, sessionIdSchema } from "@ringside/shared";
import { writeDurably } from "./durable-file.ts";
import { RECORDINGS_KEEP_DAYS, RECORDINGS_MAX, STATE_JOB_BYTES_MAX } from "./limits.ts";

const HEAD_BYTES = 4;
const LOG = /^(ses_[0-9a-z]{20})\.(\d{1,9})\.rr$/;

/** A log to be kept. */
export interface EndedRecording {
  readonly session: string;
  readonly epoch: number;
  readonly template: string;
  /** QEMU ended in good order. */
  readonly whole: boolean;
  /** Where QEMU wrote it. */
  readonly log: string;
}

/**
 * Replay logs of machines that have ended: `<data>/recordings/<session>.<epoch>.rr`, with a file of the same name and
 * `.json` that says what it is. The session's proxy hands them out.
 */
export class Recordings {
  readonly #data: string;
  readonly #root: string;

  private constructor(dataDirectory: string) {
    this.#data = dataDirectory;
    this.#root = join(dataDirectory, "recordings");
  }

  static async open(dataDirectory: string): Promise<Recordings> {
    const recordings = new Recordings(dataDirectory);
    await mkdir(recordings.#root, { recursive: true, mode: 0o700 });
    return recordings;
  }

  /**
   * Moves a log here. Null where there is none, or an empty one.
   * @throws what a full disk throws
   */
  async keep(ended: EndedRecording): Promise<SessionRecording | null> {
    const { epoch, template, whole, log } = ended;
    const found = await stat(log).catch(() => null);
    if (found === null || found.size === 0) return null;
    const path = this.#path(ended.session, epoch);
    await moveFile(log, path);
    const { bytes, sha256, finished } = await syncAndDigest(path);
    const recording: SessionRecording = { epoch, sha256, bytes, template, whole: whole && finished };
    await writeDurably(`${path}.json`, `${JSON.stringify(recording)}\n`);
    return recording;
  }

  /** What is kept of a session's machines, by epoch. */
  async of(session: string): Promise<readonly SessionRecording[]> {
    const found: SessionRecording[] = [];
    for (const { name, epoch } of (await this.#logs()).filter((log) => log.session === session)) {
      const about = await readAbout(join(this.#root, `${name}.json`));
      if (about?.epoch === epoch) found.push(about);
    }
    return found.sort((a, b) => a.epoch - b.epoch);
  }

  /**
   * Removes logs that are too old or too many.
   * @returns contents of the templates that the others need
   */
  async sweep(nowMs = Date.now()): Promise<ReadonlySet<string>> {
    const oldest = nowMs - RECORDINGS_KEEP_DAYS * 24 * 60 * 60_000;
    const logs = await Promise.all(
      (await this.#logs()).map(async ({ name }) => ({
        name,
        atMs: (await stat(join(this.#root, name)).catch(() => null))?.mtimeMs ?? 0,
      })),
    );
    const needed = new Set<string>();
    for (const [index, { name, atMs }] of logs.toSorted((a, b) => b.atMs - a.atMs).entries()) {
      const path = join(this.#root, name);
      if (atMs < oldest || index >= RECORDINGS_MAX) {
        for (const file of [path, `${path}.json`]) await rm(file, { force: true });
        continue;
      }
      const about = await readAbout(`${path}.json`);
      if (about !== null) needed.add(about.template);
    }
    return needed;
  }

  #path(session: string, epoch: number): string {
    return join(this.#data, recordingPath(sessionIdSchema.parse(session), epochSchema.parse(epoch)));
  }

  async #logs(): Promise<readonly { readonly name: string; readonly session: string; readonly epoch: number }[]> {
    return (await readdir(this.#root)).flatMap((name) => {
      const [, session, epoch] = LOG.exec(name) ?? [];
      return session === undefined ? [] : [{ name, session, epoch: Number(epoch) }];
    });
  }
}

/** The run directory may be another file system. */
async function moveFile(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
    await copyFile(from, `${to}.new`, constants.COPYFILE_FICLONE);
    await rename(`${to}.new`, to);
    await rm(from, { force: true });
  }
}

interface Digested {
  readonly bytes: number;
  readonly sha256: string;
  /** QEMU writes the head of its log last. */
  readonly finished: boolean;
}

async function syncAndDigest(path: string): Promise<Digested> {
  await using file = await open(path, "r");
  await file.sync();
  const digest = createHash("sha256");
  const head = Buffer.alloc(HEAD_BYTES);
  await file.read(head, 0, HEAD_BYTES, 0);
  let bytes = 0;
  for await (const chunk of file.createReadStream({ autoClose: false, start: 0 }) as AsyncIterable<Buffer>) {
    digest.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: digest.digest("hex"), finished: head.some((byte) => byte !== 0) };
}

async function readAbout(path: string): Promise<SessionRecording | null> {
  try {
    if ((await stat(path)).size > STATE_JOB_BYTES_MAX) return null;
    return recordingSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return null;
  }
}
