import type { FastifyBaseLogger } from "fastify";
import type { Redis } from "ioredis";
import type { CellClient } from "./cells/client.ts";
import type { CellDirectory } from "./cells/directory.ts";
import type { TicketSigner } from "./cells/tickets.ts";
import type { Database } from "./database/database.ts";
import type { ImageShelf } from "./images/image-shelf.ts";
import type { LabFolder } from "./labs/lab-folder.ts";
import type { OutboxDispatcher } from "./outbox/dispatcher.ts";
import type { JobQueues } from "./queues/job-queues.ts";
import type { Waiters } from "./sessions/waiters.ts";
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
  readonly cells: CellDirectory;
  readonly cellClient: CellClient;
  readonly tickets: TicketSigner;
  readonly traces: TraceStore;
  readonly waiters: Waiters;
  /** The server shuts down. */
  readonly closing: AbortSignal;
}
