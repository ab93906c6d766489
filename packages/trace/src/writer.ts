import assert from "node:assert/strict";
import type { Hash } from "node:crypto";
import { RingsideError, type Seal, TRACE_BYTES_MAX } from "@ringside/shared";
import { chainHash, FIRST_HASH, HASH_SUFFIX_BYTES, hashSuffix } from "./chain.ts";
import { DISK, type Disk, isFull, whileRoom } from "./disk.ts";
import { eventBody } from "./event-line.ts";
import { type NewTraceEvent, TRACE_VERSION, type TraceEvent, type TraceEventOf } from "./events.ts";
import { checkExisting, type ExistingTrace } from "./existing.ts";
import { LINE_BYTES_MAX, RESERVE_BYTES, SEAL_BYTES_MAX, SEGMENT_BYTES_MAX, STAGED_BYTES_MAX } from "./limits.ts";
import { lockTrace } from "./lock.ts";
import { LogFile } from "./log-file.ts";
import { sealAt } from "./reader.ts";
import { type SealSigner, signedBody } from "./seal-signature.ts";

/**
 * The one writer of a Session's trace.
 *
 *   open ──seal──► sealed        (a sealed trace that is opened again starts there)
 *    │ ▲ storage_full, trace_full: the event is refused, the trace stays whole, later events may fit
 *    └──► broken                 (a write that could not be undone, or a failed fsync: final for this writer)
 *
 * `append` returns when the kernel has the bytes: killing this process loses no event that was appended.
 * Segments are fsynced when they are full, when the trace is sealed and when the writer is closed; a power
 * cut may lose the tail since then, and the reader says where the trace ends.
 */
export interface TraceWriterOptions {
  /** The trace's own folder; made if it is not there. */
  readonly directory: string;
  readonly header: Omit<TraceEventOf<"trace.opened">, "type" | "version" | "wall" | "seq" | "t">;
  readonly wall: () => Date;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonicMs: () => number;
  /** Signs the seal. Without it the trace is sealed and nobody's. */
  readonly sign?: SealSigner;
  readonly segmentBytesMax?: number;
  readonly bytesMax?: number;
  readonly disk?: Disk;
}

type State =
  | { kind: "open" }
  | { kind: "sealed"; seal: Seal }
  | { kind: "broken"; cause: unknown }
  | { kind: "closed" };

/** Where a chain of lines has come to. */
interface Chain {
  readonly events: number;
  readonly bytes: number;
  readonly head: string;
  readonly t: number;
}

const HEAD_BYTES = FIRST_HASH.length;
const LINE_BUFFER_BYTES = 64 * 1024;

export class TraceWriter implements AsyncDisposable {
  readonly #lock: AsyncDisposable;
  readonly #file: LogFile;
  readonly #options: TraceWriterOptions;
  readonly #bytesMax: number;
  readonly #segmentBytesMax: number;
  readonly #digest: Hash;
  readonly #startedMs: number;
  #state: State = { kind: "open" };
  /** The previous hash, then the line that is being made. */
  #buffer = Buffer.allocUnsafe(HEAD_BYTES + LINE_BUFFER_BYTES);
  /** Where the chain stands, staged lines included, and where it stands on disk. */
  #chain: Chain;
  #written: Chain;
  readonly #staged: Buffer[] = [];

  private constructor(lock: AsyncDisposable, file: LogFile, existing: ExistingTrace, options: TraceWriterOptions) {
    this.#lock = lock;
    this.#file = file;
    this.#options = options;
    this.#bytesMax = options.bytesMax ?? TRACE_BYTES_MAX;
    this.#segmentBytesMax = options.segmentBytesMax ?? SEGMENT_BYTES_MAX;
    assert(this.#bytesMax > RESERVE_BYTES, "a trace must be larger than its reserve");
    const { position } = existing;
    this.#digest = position.digest;
    this.#chain = { events: position.events, bytes: position.bytes, head: position.head, t: position.t };
    this.#written = this.#chain;
    this.#startedMs = options.monotonicMs() - position.t;
    if (position.sealed) this.#state = { kind: "sealed", seal: sealAt(position) };
  }

  /**
   * Opens a new trace, or goes on with one after a crash: then all of it is checked, a half-written last
   * line is cut off, and `trace.resumed` is appended. A sealed trace opens as sealed.
   * @throws RingsideError conflict (another writer has it, or it is another session's), trace_damaged, storage_full
   */
  static async open(options: TraceWriterOptions): Promise<TraceWriter> {
    const { directory, disk = DISK, header } = options;
    whileRoom(() => disk.makeFolder(directory));
    const lock = await lockTrace(directory);
    let file: LogFile | undefined;
    try {
      const existing = await checkExisting(directory);
      if (existing.opened !== null && existing.opened.session !== header.session) {
        throw new RingsideError("conflict", { message: "The folder holds the trace of another session" });
      }
      const last = existing.segments.at(-1);
      const number = existing.segments.length;
      file = whileRoom(() =>
        last === undefined
          ? LogFile.create(disk, directory, 1)
          : LogFile.reopen(disk, directory, number, last.bytes - existing.tornBytes),
      );
      const writer = new TraceWriter(lock, file, existing, options);
      writer.#begin(existing);
      return writer;
    } catch (error) {
      file?.close();
      await lock[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The seal, or null while the trace is not sealed. */
  get sealed(): Seal | null {
    return this.#state.kind === "sealed" ? this.#state.seal : null;
  }

  /** Size so far. */
  get bytes(): number {
    return this.#chain.bytes;
  }

  /**
   * Records an event; when it returns, the kernel has it.
   * @returns the event with its number and time
   * @throws RingsideError storage_full or trace_full (not recorded; the trace stays whole), session_ended
   * (sealed or closed), internal (broken)
   */
  append(event: NewTraceEvent): TraceEvent {
    const staged = this.stage(event);
    this.flush();
    return staged;
  }

  /**
   * Takes an event as the next one; it is recorded once flush() has returned. What happens within one turn is
   * so written at once, since a write costs more than all the rest.
   * @returns the event with its number and time
   * @throws RingsideError as append does; flush() also throws for what is staged
   */
  stage(event: NewTraceEvent): TraceEvent {
    assert(!event.type.startsWith("trace."), "open() and seal() write these");
    this.#mustBeOpen();
    return this.#stage(event, this.#bytesMax - RESERVE_BYTES);
  }

  /**
   * Records what is staged; when it returns, the kernel has it.
   * @throws RingsideError storage_full (nothing of it is recorded, and it is forgotten), internal (broken)
   */
  flush(): void {
    if (this.#staged.length === 0) return;
    this.#mustBeOpen();
    const lines = this.#staged.length === 1 ? this.#staged[0] : Buffer.concat(this.#staged);
    this.#staged.length = 0;
    assert(lines !== undefined, "there are staged lines");
    try {
      this.#toDisk(lines);
    } catch (error) {
      this.#chain = this.#written;
      throw error;
    }
    this.#digest.update(lines);
    this.#written = this.#chain;
  }

  /**
   * Ends the trace, makes it lasting, and says what it is. Sealing again answers the same.
   * @throws RingsideError storage_full (may be tried again), internal (broken)
   */
  seal(): Seal {
    if (this.#state.kind === "sealed") return this.#state.seal;
    this.flush();
    this.#mustBeOpen();
    // What stands before the seal first, so that a seal on disk always has its whole trace before it.
    this.#lasting(() => this.#file.sync());
    this.#write({ type: "trace.sealed", wall: this.#wall() }, this.#bytesMax);
    this.#lasting(() => this.#file.syncWithFolder());
    const digest = this.#digest.copy().digest("hex");
    const { events, bytes, head } = this.#written;
    const seal = { events, bytes, digest, head };
    this.#state = { kind: "sealed", seal };
    return seal;
  }

  /** Makes everything lasting and gives the trace free for another writer. Closing again does nothing. */
  async close(): Promise<void> {
    if (this.#state.kind === "closed") return;
    const before = this.#state.kind;
    try {
      if (before === "open") {
        this.flush();
        this.#file.sync();
      }
    } finally {
      this.#state = { kind: "closed" };
      this.#file.close();
      await this.#lock[Symbol.asyncDispose]();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #begin(existing: ExistingTrace): void {
    if (this.#state.kind === "sealed") {
      // The process that sealed it may have ended before this.
      this.#lasting(() => this.#file.syncWithFolder());
      return;
    }
    const wall = this.#wall();
    if (this.#chain.events === 0) {
      this.#write({ type: "trace.opened", version: TRACE_VERSION, ...this.#options.header, wall }, this.#bytesMax);
      return;
    }
    try {
      this.#write({ type: "trace.resumed", wall, cutBytes: existing.tornBytes }, this.#bytesMax - SEAL_BYTES_MAX);
    } catch (error) {
      // After very many restarts of a full trace: it can still be sealed, and takes nothing else.
      if (!(error instanceof RingsideError && error.code === "trace_full")) throw error;
    }
  }

  #write(event: NewTraceEvent, bytesMax: number): TraceEvent {
    const staged = this.#stage(event, bytesMax);
    this.flush();
    return staged;
  }

  #stage(event: NewTraceEvent, bytesMax: number): TraceEvent {
    const { events: seq, bytes, head: previous, t: before } = this.#chain;
    const t = Math.max(before, Math.round((this.#options.monotonicMs() - this.#startedMs) * 1000) / 1000);
    const unsigned = eventBody(seq, t, event);
    const { sign } = this.#options;
    const body = event.type === "trace.sealed" && sign !== undefined ? signedBody(sign, previous, unsigned) : unsigned;
    const buffer = this.#room(body.length);
    buffer.write(previous, 0, "latin1");
    const bodyEnd = HEAD_BYTES + buffer.write(body, HEAD_BYTES, "utf8");
    const head = chainHash(buffer.subarray(0, bodyEnd));
    const lineEnd = bodyEnd + buffer.write(hashSuffix(head), bodyEnd, "latin1");
    const lineBytes = lineEnd - HEAD_BYTES;
    assert(lineBytes <= LINE_BYTES_MAX, "an event's line is longer than the reader takes");
    if (bytes + lineBytes > bytesMax) throw new RingsideError("trace_full");
    if (bytes + lineBytes - this.#written.bytes > STAGED_BYTES_MAX) {
      this.flush();
    }
    this.#staged.push(Buffer.from(buffer.subarray(HEAD_BYTES, lineEnd)));
    this.#chain = { events: seq + 1, bytes: bytes + lineBytes, head, t };
    return { seq, t, ...event } as TraceEvent;
  }

  #room(bodyChars: number): Buffer {
    // UTF-8 makes at most three bytes of a UTF-16 unit.
    const bytes = HEAD_BYTES + 3 * bodyChars + HASH_SUFFIX_BYTES + 1;
    if (bytes <= this.#buffer.length) return this.#buffer;
    return Buffer.allocUnsafe(bytes);
  }

  #toDisk(lines: Buffer): void {
    try {
      if (this.#file.bytes > 0 && this.#file.bytes + lines.length > this.#segmentBytesMax) this.#file.rotate();
      this.#file.write(lines, 0, lines.length);
    } catch (error) {
      throw this.#failed(error);
    }
  }

  #lasting(act: () => void): void {
    try {
      act();
    } catch (error) {
      throw this.#failed(error);
    }
  }

  #failed(error: unknown): unknown {
    if (isFull(error) && !this.#file.broken) return new RingsideError("storage_full", { cause: error });
    this.#state = { kind: "broken", cause: error };
    return brokenError(error);
  }

  #mustBeOpen(): void {
    switch (this.#state.kind) {
      case "open":
        return;
      case "sealed":
      case "closed":
        throw new RingsideError("session_ended", { message: "The session's recording has ended" });
      case "broken":
        throw brokenError(this.#state.cause);
      default:
        this.#state satisfies never;
    }
  }

  #wall(): string {
    return this.#options.wall().toISOString();
  }
}

function brokenError(cause: unknown): RingsideError {
  return new RingsideError("internal", { message: "The session's recording failed on the server's disk", cause });
}
