import { mkdir } from "node:fs/promises";
import { connectRedis } from "@ringside/redis";
import {
  GRADE_QUEUE,
  gradeJobSchema,
  REGRADE_QUEUE,
  REPORTS_QUEUE,
  regradeJobSchema,
  reportSchema,
} from "@ringside/shared";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import type { Redis } from "ioredis";
import { buildApp } from "./app.ts";
import { ensureAdmin } from "./auth/bootstrap.ts";
import { CellClient } from "./cells/client.ts";
import { CellDirectory } from "./cells/directory.ts";
import { SealKeys } from "./cells/seal-keys.ts";
import { TicketSigner } from "./cells/tickets.ts";
import type { Core } from "./core.ts";
import { openDatabase } from "./database/database.ts";
import { migrate } from "./database/migrate.ts";
import { BuildIds } from "./debuginfod/build-ids.ts";
import type { Debuginfod } from "./debuginfod/routes.ts";
import { SourceTrees } from "./debuginfod/source-trees.ts";
import { CompressedFiles } from "./files/compressed-files.ts";
import { gradeSubmission } from "./grades/grade-submission.ts";
import type { Grader } from "./grades/grader.ts";
import { GradeReconciler } from "./grades/reconciler.ts";
import { runRegrade } from "./grades/regrade-job.ts";
import { reconcileRegrades } from "./grades/regrade-reconciler.ts";
import { ImageShelf } from "./images/image-shelf.ts";
import { LabFolder } from "./labs/lab-folder.ts";
import { Lane } from "./lane.ts";
import {
  GRADES_AT_ONCE_MAX,
  PROVISIONS_AT_ONCE_MAX,
  PROVISIONS_WAITING_MAX,
  REGRADES_AT_ONCE_MAX,
  REPORTS_AT_ONCE_MAX,
  REQUESTS_FINISH_MS_MAX,
} from "./limits.ts";
import { OutboxDispatcher } from "./outbox/dispatcher.ts";
import { SessionProgress } from "./progress/session-progress.ts";
import { ChangeFeed } from "./queues/change-feed.ts";
import { JobQueues } from "./queues/job-queues.ts";
import { startWorker } from "./queues/workers.ts";
import type { SessionBounds } from "./sessions/admission.ts";
import { Reconciler } from "./sessions/reconciler.ts";
import { applyReport } from "./sessions/reports.ts";
import { Waiters } from "./sessions/waiters.ts";
import { RecordingStore } from "./submissions/recording-store.ts";
import { TraceStore } from "./submissions/trace-store.ts";

export interface ApiOptions {
  readonly version: string;
  readonly log: FastifyBaseLogger;
  readonly databaseUrl: string;
  readonly migrationsDir: string;
  readonly redisUrl: string;
  readonly prefix: string;
  readonly dataDir: string;
  readonly cacheDir: string;
  readonly labsDir: string;
  /** Ed25519 private key, PKCS #8. */
  readonly ticketKeyPem: string;
  readonly bootstrapAdminToken: string | undefined;
  readonly bounds: SessionBounds;
  readonly grader: Grader;
  /** Whether gdb may fetch debug files and sources by build-id, without a token. */
  readonly debuginfod: "on" | "off";
}

/** The api without a port: listen on `app`, or inject into it. Disposing ends all of it, in the reverse order. */
export interface Api extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly core: Core;
}

/** Migrates the store, then starts the api's parts. */
export async function openApi(options: ApiOptions): Promise<Api> {
  const { log } = options;
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  const applied = await migrate(options.databaseUrl, options.migrationsDir);
  if (applied.length > 0) {
    log.info({ migrations: applied }, "migrated");
  }
  await using stack = new AsyncDisposableStack();
  const closing = new AbortController();
  const core = await openCore(options, stack, closing.signal);
  startBackground(options, core, stack);
  const app = stack.adopt(await buildApp(core), (built) => closeApp(built, closing));
  await app.ready();
  // First of all at the end: whoever waits is answered, so that closing the app need not wait for them.
  stack.use(core.waiters);
  const parts = stack.move();
  return { app, core, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

/** Takes no more requests and lets those in hand finish, for a while. */
async function closeApp(app: FastifyInstance, closing: AbortController): Promise<void> {
  const cut = setTimeout(() => closing.abort(), REQUESTS_FINISH_MS_MAX);
  try {
    await app.close();
  } finally {
    clearTimeout(cut);
    closing.abort();
  }
}

async function openCore(options: ApiOptions, stack: AsyncDisposableStack, closing: AbortSignal): Promise<Core> {
  const { log, prefix } = options;
  const { database } = stack.use(
    openDatabase(options.databaseUrl, (error) => log.warn({ err: error }, "a database connection broke")),
  );
  if (options.bootstrapAdminToken !== undefined) {
    await ensureAdmin(database, options.bootstrapAdminToken);
  }
  const redisError = (error: Error): void => log.warn({ err: error }, "redis");
  const redis = stack.adopt(connectRedis(options.redisUrl, "command", redisError), (opened) => opened.disconnect());
  const queues = stack.use(new JobQueues(redis, prefix, redisError));
  const subscriber = stack.adopt(connectRedis(options.redisUrl, "worker", redisError), (opened) => opened.disconnect());
  const onError = (error: unknown): void => log.debug({ err: error }, "the change feed");
  const feed = new ChangeFeed({ redis, subscriber, prefix, onChange: (id) => waiters.wake(id), onError });
  const waiters = new Waiters((id) => feed.tell(id));
  const outbox = stack.use(
    new OutboxDispatcher({
      database,
      queues,
      onError: (error) => log.warn({ err: error }, "the outbox waits"),
    }),
  );
  const cells = new CellDirectory(redis, prefix);
  const tickets = await TicketSigner.fromPem(options.ticketKeyPem);
  const cellClient = new CellClient(cells, tickets);
  const graded = {
    labs: new LabFolder(options.labsDir),
    images: new ImageShelf(options.cacheDir),
    traces: await TraceStore.open(options.dataDir),
    sealKeys: new SealKeys(database, cells),
  };
  return {
    version: options.version,
    log,
    database,
    redis,
    queues,
    outbox,
    ...graded,
    compressed: await CompressedFiles.open(options.dataDir, closing),
    debuginfod: options.debuginfod === "on" ? await openDebuginfod(options, closing) : null,
    cells,
    cellClient,
    progress: new SessionProgress({ ...graded, grader: options.grader, cells: cellClient }),
    tickets,
    recordings: await RecordingStore.open(options.dataDir),
    waiters,
    bounds: options.bounds,
    provisions: new Lane(PROVISIONS_AT_ONCE_MAX, PROVISIONS_WAITING_MAX),
    closing,
  };
}

async function openDebuginfod({ cacheDir, dataDir }: ApiOptions, closing: AbortSignal): Promise<Debuginfod> {
  return { buildIds: new BuildIds(cacheDir), sources: await SourceTrees.open(dataDir, closing) };
}

/** Queue workers and reconcilers. */
function startBackground(options: ApiOptions, core: Core, stack: AsyncDisposableStack): void {
  const { log, prefix, redisUrl, grader } = options;
  const { database, queues, cells, waiters, outbox } = core;
  const workerRedis = (): Redis =>
    stack.adopt(
      connectRedis(redisUrl, "worker", (error) => log.warn({ err: error }, "redis")),
      (opened) => opened.disconnect(),
    );
  const onError = (error: unknown, job?: string): void => log.error({ err: error, job }, "a background task failed");
  stack.use(
    startWorker({
      redis: workerRedis(),
      prefix,
      queue: REPORTS_QUEUE,
      schema: reportSchema,
      concurrency: REPORTS_AT_ONCE_MAX,
      onError,
      handle: async (report) => {
        if ((await applyReport(database, report)) === "may have left a job") {
          outbox.kick();
        }
        // Nobody waits for a machine to be on its way; a hundred waiters that look for nothing are work.
        if (report.kind !== "starting") {
          waiters.notify(report.session);
        }
      },
    }),
  );
  const grading = {
    database,
    labs: core.labs,
    images: core.images,
    traces: core.traces,
    sealKeys: core.sealKeys,
    grader,
  };
  stack.use(
    startWorker({
      redis: workerRedis(),
      prefix,
      queue: GRADE_QUEUE,
      schema: gradeJobSchema,
      concurrency: GRADES_AT_ONCE_MAX,
      onError,
      handle: ({ submission }, signal) =>
        gradeSubmission({ ...grading, onGraded: (id) => waiters.notify(id) }, submission, signal),
    }),
  );
  stack.use(
    new Reconciler({
      database,
      queues,
      cells,
      onError,
      onChange: (session) => {
        outbox.kick();
        waiters.notify(session);
      },
    }),
  );
  stack.use(new GradeReconciler({ database, queues, onError }));
  stack.use(
    startWorker({
      redis: workerRedis(),
      prefix,
      queue: REGRADE_QUEUE,
      schema: regradeJobSchema,
      concurrency: REGRADES_AT_ONCE_MAX,
      onError,
      handle: ({ regrade }, signal) =>
        runRegrade({ ...grading, onProgress: (id) => waiters.notify(id) }, regrade, signal),
    }),
  );
  stack.use(reconcileRegrades({ database, queues, onError }));
}
