import { randomUUID } from "node:crypto";
import { link, mkdir, open, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  CHECKPOINTS_MAX,
  checkpointNameSchema,
  RingsideError,
  type SavedState,
  SESSION_MINUTES_MAX,
  type StartJob,
  sessionIdSchema,
  startJobSchema,
} from "@ringside/shared";
import { z } from "zod";
import { writeDurably } from "./durable-file.ts";
import { DAMAGED_STATES_MAX, STATE_JOB_BYTES_MAX, STATES_MARGIN_MINUTES } from "./limits.ts";

/**
 * Saved machines on disk, one folder for each session: `<data>/states/<session>/`
 *
 *   hibernated.json           a machine that sleeps: the job that it was started by. Written last, removed first:
 *                             the session sleeps here as long as it is there
 *   hibernated.state          that machine
 *   checkpoint.<name>.state   machines saved under a name
 *
 * and `<data>/states/damaged/`: the newest that could not be loaded, for the operator.
 */
const HIBERNATED_FILE = "hibernated.json";
const HIBERNATED_STATE = "hibernated.state";
const CHECKPOINT = /^checkpoint\.(.+)\.state$/;
const DAMAGED_FOLDER = "damaged";

const hibernatedSchema = z.strictObject({ job: startJobSchema, bytes: z.int().min(0), savedAt: z.iso.datetime() });
export type Hibernated = z.infer<typeof hibernatedSchema>;

export class SavedStates {
  readonly #root: string;
  /** What sleeps here, by session. */
  readonly #asleep = new Map<string, Hibernated>();

  private constructor(root: string) {
    this.#root = root;
  }

  /** @param dataDirectory the cell's, shared with its proxy */
  static async open(dataDirectory: string): Promise<SavedStates> {
    const states = new SavedStates(join(dataDirectory, "states"));
    await mkdir(join(states.#root, DAMAGED_FOLDER), { recursive: true, mode: 0o700 });
    for (const session of await states.#sessions()) {
      const found = await readHibernated(join(states.#root, session, HIBERNATED_FILE));
      if (found !== null && found.job.session === session) states.#asleep.set(session, found);
    }
    return states;
  }

  /** All sessions that sleep here. */
  get asleep(): readonly Hibernated[] {
    return [...this.#asleep.values()];
  }

  /** The session's machine that sleeps, or null. */
  hibernated(session: string): Hibernated | null {
    return this.#asleep.get(session) ?? null;
  }

  /** Where the state of a machine that goes to sleep is written, before `fellAsleep`. */
  async hibernatedFile(session: string): Promise<string> {
    return join(await this.#folder(session), HIBERNATED_STATE);
  }

  /** The machine's state is written: from now on the session sleeps here. */
  async fellAsleep(job: StartJob, bytes: number): Promise<void> {
    const file: Hibernated = { job, bytes, savedAt: new Date().toISOString() };
    const path = join(await this.#folder(job.session), HIBERNATED_FILE);
    await writeDurably(path, `${JSON.stringify(file)}\n`);
    this.#asleep.set(job.session, file);
  }

  /** The session sleeps here no more: it was woken, reset, or it ended. */
  async awoke(session: string): Promise<void> {
    if (!this.#asleep.delete(session)) return;
    await rm(join(this.#root, session, HIBERNATED_FILE), { force: true });
    await rm(join(this.#root, session, HIBERNATED_STATE), { force: true });
  }

  /**
   * Where a checkpoint is to be written.
   * @throws RingsideError `conflict` when the session has as many as it may have
   */
  async newCheckpoint(session: string, name: string): Promise<string> {
    const states = await this.list(session);
    if (states.length >= CHECKPOINTS_MAX && !states.some((state) => state.name === name)) {
      const message = `A session may have ${CHECKPOINTS_MAX} checkpoints: delete one first`;
      throw new RingsideError("conflict", { message });
    }
    return join(await this.#folder(session), `checkpoint.${name}.state`);
  }

  /** Where a checkpoint is. That it is there is seen by whoever opens it. */
  checkpoint(session: string, name: string): string {
    return join(this.#root, sessionIdSchema.parse(session), `checkpoint.${checkpointNameSchema.parse(name)}.state`);
  }

  /** Copies a state for another session. States are never rewritten, so one file may have two names. */
  async copy(from: string, to: string): Promise<number> {
    const making = `${to}.${randomUUID()}`;
    await link(from, making);
    await rename(making, to);
    return (await stat(to)).size;
  }

  /** The session's checkpoints, by name. */
  async list(session: string): Promise<readonly SavedState[]> {
    const found: SavedState[] = [];
    for (const file of await namesIn(join(this.#root, session))) {
      const name = checkpointNameSchema.safeParse(CHECKPOINT.exec(file)?.[1]);
      const about = name.success ? await stat(join(this.#root, session, file)).catch(() => null) : null;
      if (!name.success || about === null) continue;
      found.push({ name: name.data, bytes: about.size, savedAt: about.mtime.toISOString() });
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Removes a checkpoint; one that is not there is removed already. */
  async forget(session: string, name: string): Promise<void> {
    const path = this.checkpoint(session, name);
    await rm(path, { force: true });
    await rmdir(dirname(path)).catch(() => undefined); // it holds more, or was never there
  }

  /** Removes all that is saved of a session. */
  async remove(session: string): Promise<void> {
    this.#asleep.delete(session);
    await rm(join(this.#root, sessionIdSchema.parse(session)), { recursive: true, force: true });
  }

  /** Keeps a state that cannot be loaded for the operator. The session goes on sleeping, without a state. */
  async setAside(session: string, file: string): Promise<void> {
    const folder = join(this.#root, DAMAGED_FOLDER);
    await rename(file, join(folder, `${Date.now()}.${session}.state`)).catch((error) => {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    });
    const kept = (await namesIn(folder)).toSorted();
    for (const name of kept.slice(0, -DAMAGED_STATES_MAX)) await rm(join(folder, name), { force: true });
  }

  /**
   * Removes what is older than any session can be.
   * @returns the files of all states that are left
   */
  async sweep(nowMs = Date.now()): Promise<readonly string[]> {
    const oldest = nowMs - (SESSION_MINUTES_MAX + STATES_MARGIN_MINUTES) * 60_000;
    const left: string[] = [];
    for (const session of await this.#sessions()) {
      const folder = join(this.#root, session);
      const about = await stat(folder).catch(() => null);
      if (about !== null && about.mtimeMs < oldest) await this.remove(session);
      else for (const name of await namesIn(folder)) if (name.endsWith(".state")) left.push(join(folder, name));
    }
    return left;
  }

  async #sessions(): Promise<readonly string[]> {
    return (await namesIn(this.#root)).filter((name) => sessionIdSchema.safeParse(name).success);
  }

  async #folder(session: string): Promise<string> {
    const folder = join(this.#root, sessionIdSchema.parse(session));
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return folder;
  }
}

const namesIn = (folder: string): Promise<readonly string[]> => readdir(folder).catch(() => []);

async function readHibernated(path: string): Promise<Hibernated | null> {
  try {
    await using file = await open(path, "r");
    if ((await file.stat()).size > STATE_JOB_BYTES_MAX) return null;
    return hibernatedSchema.parse(JSON.parse(await file.readFile("utf8")));
  } catch {
    return null;
  }
}
