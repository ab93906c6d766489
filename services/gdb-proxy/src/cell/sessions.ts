import { join } from "node:path";
import { RingsideError, type SealAnswer, type SessionRecording } from "@ringside/shared";
import {
  eventSchema,
  readSeal,
  readTraceBytes,
  type SealSigner,
  type TraceEventOf,
  TraceWriter,
} from "@ringside/trace";
import type { Logger } from "pino";
import { DRAIN_MS, SESSION_LINGER_MS, SESSION_RETRY_MS } from "../limits.ts";
import { recordedStory } from "./kept-recordings.ts";
import type { FoundMachine, FoundMachines } from "./machine-folders.ts";
import { ServedSession } from "./served-session.ts";

export interface SessionsOptions {
  readonly cell: string;
  readonly dataDirectory: string;
  /** Signs what is sealed. */
  readonly sign: SealSigner;
  readonly log: Logger;
  readonly presence: (session: string, epoch: number, debuggers: number) => void;
  /** `user` wants a fresh machine in place of the one of this epoch. */
  readonly resetWanted: (session: string, epoch: number, user: string) => void;
  /** A client wants the machine of a session, which sleeps. */
  readonly wakeMachine: (session: string) => void;
  /** Something was typed at a recorded machine. */
  readonly nudge: (session: string, epoch: number) => void;
}

type TraceHeader = Omit<TraceEventOf<"trace.opened">, "type" | "version" | "wall" | "seq" | "t">;

/** A trace's first line, without its packets. */
const FIRST_LINE_BYTES_MAX = 64 * 1024;
const DRAIN_POLL_MS = 20;

/**
 * The sessions whose machines this cell has. What is done to one session's trace is done one after the
 * other: a trace has one writer.
 */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #served = new Map<string, ServedSession>();
  readonly #work = new Map<string, Promise<unknown>>();
  /** Sessions whose trace could not be opened: why, and when to try again. */
  readonly #refused = new Map<string, { readonly error: RingsideError; readonly retryAtMs: number }>();
  readonly #goneAtMs = new Map<string, number>();
  #state: "open" | "closing" = "open";

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#served.size;
  }

  /** How many of them have a machine that sleeps. */
  get asleep(): number {
    return [...this.#served.values()].filter(({ machine }) => machine?.state === "asleep").length;
  }

  /** Sessions whose machine is to hibernate by itself now. */
  idle(nowMs: number): readonly string[] {
    return [...this.#served].filter(([, { machine }]) => machine?.isIdle(nowMs)).map(([session]) => session);
  }

  /**
   * The session, to connect to it.
   * @throws RingsideError session_not_ready where it has no machine here, and why its trace could not be opened
   */
  get(session: string): ServedSession {
    if (this.#state === "closing") throw new RingsideError("shutting_down");
    const served = this.#served.get(session);
    if (served !== undefined) return served;
    const refused = this.#refused.get(session);
    if (refused !== undefined) throw refused.error;
    throw new RingsideError("session_not_ready");
  }

  find(session: string): ServedSession | undefined {
    return this.#served.get(session);
  }

  /** True where get() and a connection to what it gives need no machine to be woken. */
  canServe(session: string): boolean {
    const served = this.#served.get(session);
    if (served === undefined) return this.#state === "closing" || this.#refused.has(session);
    return served.seal !== null || served.machine?.state === "awake";
  }

  /** Waits for what is being done to the session's trace. */
  async settled(session: string): Promise<void> {
    await this.#work.get(session);
  }

  /** Serves what was found and lets go of what has gone. */
  update(found: FoundMachines): void {
    if (this.#state === "closing") return;
    for (const session of new Set([...found.keys(), ...this.#served.keys()])) {
      if (!this.#work.has(session) && this.#isDue(session, found.get(session))) {
        this.#alone(session, () => this.#reconcile(session, found.get(session))).catch((error: unknown) => {
          this.#options.log.error({ err: error, session }, "a session could not be served");
        });
      }
    }
  }

  /**
   * Ends the session's recording, whether or not its machine is there. Again: the same answer.
   * @param finish ends the session's machines that QEMU records, and names what is kept of them
   * @throws RingsideError not_found where nothing was recorded, storage_full, trace_damaged, and what `finish` throws
   */
  async seal(session: string, finish: () => Promise<readonly SessionRecording[]>): Promise<SealAnswer> {
    return this.#alone(session, async () => {
      const directory = this.traceDirectory(session);
      const served = this.#served.get(session);
      const before = served === undefined ? await readSeal(directory) : served.seal;
      const { recorded, kept } = await recordedStory(directory);
      if (before !== null) return { ...before, recordings: [...kept] };
      const all = recorded ? await finishListening(served, finish) : [];
      const news = all.filter(({ epoch }) => kept.every((other) => other.epoch !== epoch));
      const recordings = [...kept, ...news];
      if (served !== undefined) return { ...served.sealNow(news), recordings };
      await using trace = await this.#openTrace(session, await readHeader(directory));
      for (const recording of news) trace.append({ type: "recording.kept", ...recording });
      return { ...trace.seal(), recordings };
    });
  }

  traceDirectory(session: string): string {
    return join(this.#options.dataDirectory, "traces", session);
  }

  /** Ends all connections with `shutting_down`, lets machines run on, closes the traces. */
  async drain(): Promise<void> {
    this.#state = "closing";
    await Promise.allSettled(this.#work.values());
    const error = new RingsideError("shutting_down");
    for (const served of this.#served.values()) served.endConnections(error);
    const until = performance.now() + DRAIN_MS;
    while (performance.now() < until && [...this.#served.values()].some(({ isQuiet }) => !isQuiet)) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
    const closed = await Promise.allSettled([...this.#served.values()].map((served) => served.close()));
    this.#served.clear();
    for (const result of closed) {
      if (result.status === "rejected") this.#options.log.error({ err: result.reason }, "a trace was not closed well");
    }
  }

  #isDue(session: string, machine: FoundMachine | undefined): boolean {
    const served = this.#served.get(session);
    if (machine === undefined) return served !== undefined;
    if (served !== undefined) return served.isNew(machine);
    return (this.#refused.get(session)?.retryAtMs ?? 0) <= performance.now();
  }

  async #reconcile(session: string, machine: FoundMachine | undefined): Promise<void> {
    const served = this.#served.get(session);
    if (machine === undefined) await this.#lettingGo(session, served);
    else if (served === undefined) await this.#serve(session, machine);
    else served.machineFound(machine);
    if (machine !== undefined) this.#goneAtMs.delete(session);
  }

  async #lettingGo(session: string, served: ServedSession | undefined): Promise<void> {
    served?.folderGone();
    const nowMs = performance.now();
    const { machine = null } = served ?? {};
    if (machine !== null && !machine.mayBeForgotten(nowMs)) {
      this.#goneAtMs.delete(session);
      return;
    }
    const goneAtMs = this.#goneAtMs.get(session) ?? nowMs;
    this.#goneAtMs.set(session, goneAtMs);
    if (nowMs - goneAtMs < SESSION_LINGER_MS) return;
    this.#goneAtMs.delete(session);
    this.#served.delete(session);
    await served?.close();
  }

  async #serve(session: string, machine: FoundMachine): Promise<void> {
    const { cell, log, presence, resetWanted, wakeMachine, nudge } = this.#options;
    const { user, lab, image, arch, parameters } = machine.file;
    let trace: TraceWriter | undefined;
    try {
      trace = await this.#openTrace(session, { session, user, lab, image, arch, parameters, cell });
      const served = new ServedSession({
        trace,
        machine,
        log: log.child({ session }),
        presence: (epoch, debuggers) => presence(session, epoch, debuggers),
        resetWanted: (epoch, user) => resetWanted(session, epoch, user),
        wakeMachine: () => wakeMachine(session),
        nudge: (epoch) => nudge(session, epoch),
      });
      this.#served.set(session, served);
      this.#refused.delete(session);
    } catch (cause) {
      await trace?.close();
      const error = cause instanceof RingsideError ? cause : new RingsideError("internal", { cause });
      log.error({ err: error, session }, "a session's trace could not be opened");
      this.#refused.set(session, { error, retryAtMs: performance.now() + SESSION_RETRY_MS });
    }
  }

  async #openTrace(session: string, header: TraceHeader): Promise<TraceWriter> {
    return TraceWriter.open({
      directory: this.traceDirectory(session),
      header,
      wall: () => new Date(),
      monotonicMs: () => performance.now(),
      sign: this.#options.sign,
    });
  }

  /** Runs `act` after everything that is being done to this session. */
  async #alone<T>(session: string, act: () => Promise<T>): Promise<T> {
    const before = this.#work.get(session) ?? Promise.resolve();
    const work = before.then(act, act);
    const settled = work.then(
      () => undefined,
      () => undefined,
    );
    this.#work.set(session, settled);
    await settled;
    if (this.#work.get(session) === settled) this.#work.delete(session);
    return work;
  }
}

/** Ends recorded machines, and hears them out: their logs hold what they write to the last. */
async function finishListening(
  served: ServedSession | undefined,
  finish: () => Promise<readonly SessionRecording[]>,
): Promise<readonly SessionRecording[]> {
  const lastWords = served?.letGoListening();
  try {
    return await finish();
  } finally {
    await lastWords?.();
    served?.takeBack();
  }
}

/** The first event of a recorded trace. */
async function readHeader(directory: string): Promise<TraceHeader> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of readTraceBytes(directory)) {
    bytes = Buffer.concat([bytes, chunk]);
    const end = bytes.indexOf("\n");
    if (end >= 0) return headerOf(bytes.subarray(0, end).toString("utf8"));
    if (bytes.length > FIRST_LINE_BYTES_MAX) break;
  }
  throw new RingsideError("trace_damaged", { message: "The trace has no first event" });
}

function headerOf(line: string): TraceHeader {
  try {
    const { hash: _hash, ...first } = JSON.parse(line) as Record<string, unknown>;
    const opened = eventSchema.parse(first);
    if (opened.type !== "trace.opened") throw new Error("the first event is another");
    const { session, user, lab, image, arch, parameters, cell } = opened;
    return { session, user, lab, image, arch, parameters, cell };
  } catch (cause) {
    throw new RingsideError("trace_damaged", { message: "The trace's first event is not readable", cause });
  }
}
