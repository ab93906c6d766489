import type { FastifyBaseLogger } from "fastify";
import type { Redis } from "ioredis";
import type { CellClient } from "./cells/client.ts";
import type { CellDirectory } from "./cells/directory.ts";
import type { SealKeys } from "./cells/seal-keys.ts";
import type { TicketSigner } from "./cells/tickets.ts";
import type { Database } from "./database/database.ts";
import type { Debuginfod } from "./debuginfod/routes.ts";
import type { CompressedFiles } from "./files/compressed-files.ts";
import type { ImageShelf } from "./images/image-shelf.ts";
import type { LabFolder } from "./labs/lab-folder.ts";
import type { Lane } from "./lane.ts";
import type { OutboxDispatcher } from "./outbox/dispatcher.ts";
import type { SessionProgress } from "./progress/session-progress.ts";
import type { JobQueues } from "./queues/job-queues.ts";
import type { SessionBounds } from "./sessions/admission.ts";
import type { Waiters } from "./sessions/waiters.ts";
import type { RecordingStore } from "./submissions/recording-store.ts";
import type { TraceStore } from "./submissions/trace-store.ts";

/** The parts that the routes share; opened by `openApi`. */
export interface Core {
  readonly version: string;
  readonly log: FastifyBaseLogger;
  readonly database: Database;
  readonly redis: Redis;
  readonly queues: JobQueues;
  readonly outbox: OutboxDispatcher;
  readonly labs: LabFolder;
  readonly images: ImageShelf;
  readonly compressed: CompressedFiles;
  /** null: not offered. */
  readonly debuginfod: Debuginfod | null;
  readonly cells: CellDirectory;
  readonly cellClient: CellClient;
  readonly sealKeys: SealKeys;
  readonly tickets: TicketSigner;
  readonly traces: TraceStore;
  readonly recordings: RecordingStore;
  readonly progress: SessionProgress;
  readonly waiters: Waiters;
  readonly bounds: SessionBounds;
  /** In which sessions are made. */
  readonly provisions: Lane;
  /** The server shuts down. */
  readonly closing: AbortSignal;
}
