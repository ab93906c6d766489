import { LEASE_TTL_MS, startJobId } from "@ringside/shared";
import { putAudit } from "../audit/audit.ts";
import type { CellDirectory } from "../cells/directory.ts";
import type { Database } from "../database/database.ts";
import { repeat } from "../deadline.ts";
import {
  CELL_AWAY_GRACE_MS,
  IDEMPOTENCY_KEEP_MS,
  JOB_LOOK_AFTER_MS,
  LEASE_GRACE_MS,
  QUEUE_WAIT_MS_MAX,
  RECONCILE_MS,
  RECONCILE_ROWS_MAX,
  SILENT_JOB_GRACE_MS,
} from "../limits.ts";
import { putStopJob, startQueue } from "../outbox/outbox.ts";
import type { JobPresence, JobQueues } from "../queues/job-queues.ts";
import { AbsenceClock } from "./absence-clock.ts";
import { putSessionStart } from "./start.ts";
import { endSession, SESSION_STATES_LIVE, type SESSION_STATES_OPEN, type SessionEnd } from "./transitions.ts";

/**
 * Every RECONCILE_MS: makes sure that every session that was promised comes to an end or to a machine, whatever
 * died on the way.
 *
 *   past endsAt                                      → ended(time_limit), and its cell is told
 *   requested or queued past notAfter                → failed(no_capacity)
 *   queued, but Redis knows no job of its epoch      → the job is put into the outbox again
 *   queued, but its job failed or ended in silence   → failed(internal)
 *   queued for a fresh machine at a cell that is away → the job goes to all cells
 *   starting, ready, attached without a lease        → failed(runner_lost), and its cell is told
 *   ready, attached, but the cell has a new runner   → the same, at once; a start job is run again instead
 *
 * A hibernated session has no machine, no lease and no job: only its time can run out.
 *
 * Replicas may do this at the same time: every change is fenced, and jobs have ids.
 */
export interface ReconcilerOptions {
  readonly database: Database;
  readonly queues: JobQueues;
  readonly cells: CellDirectory;
  readonly onChange: (session: string) => void;
  readonly onError: (error: unknown) => void;
}

interface OpenSession {
  readonly id: string;
  readonly epoch: number;
  readonly state: (typeof SESSION_STATES_OPEN)[number];
  readonly cell: string | null;
  readonly startCell: string | null;
  readonly startState: string | null;
  readonly notAfter: Date;
  readonly endsAt: Date;
}

export class Reconciler implements AsyncDisposable {
  readonly #options: ReconcilerOptions;
  readonly #leases = new AbsenceClock(LEASE_GRACE_MS, LEASE_TTL_MS);
  readonly #jobs = new AbsenceClock(SILENT_JOB_GRACE_MS, 0);
  readonly #cellsAway = new AbsenceClock(CELL_AWAY_GRACE_MS, LEASE_TTL_MS);
  readonly #passes: AsyncDisposable;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#passes = repeat(RECONCILE_MS, () => this.#pass(), options.onError);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#passes[Symbol.asyncDispose]();
  }

  async #pass(): Promise<void> {
    const open = await this.#openSessions();
    const late = await this.#endLate(open);
    const rest = open.filter((session) => !late.has(session.id));
    try {
      await this.#checkLeases(rest);
      await this.#checkJobs(rest);
      await this.#leaveAwayCells(rest);
    } catch (error) {
      // What Redis forgot or nobody could renew while it was away says nothing about the runners.
      this.#leases.restart();
      this.#jobs.restart();
      this.#cellsAway.restart();
      throw error;
    }
    await this.#forgetKeys();
  }

  async #openSessions(): Promise<readonly OpenSession[]> {
    return this.#options.database.session.findMany({
      where: {
        OR: [{ state: { in: [...SESSION_STATES_LIVE] } }, { state: "hibernated", endsAt: { lte: new Date() } }],
      },
      select: {
        id: true,
        epoch: true,
        state: true,
        cell: true,
        startCell: true,
        startState: true,
        notAfter: true,
        endsAt: true,
      },
      orderBy: { createdAt: "asc" },
      take: RECONCILE_ROWS_MAX,
    });
  }

  async #endLate(open: readonly OpenSession[]): Promise<ReadonlySet<string>> {
    const now = Date.now();
    const ended = new Set<string>();
    for (const session of open) {
      const waits = session.state === "requested" || session.state === "queued";
      if (session.endsAt.getTime() <= now) {
        await this.#end(session, { state: "ended", reason: "time_limit" });
        ended.add(session.id);
      } else if (waits && session.notAfter.getTime() <= now) {
        await this.#end(session, {
          state: "failed",
          reason: "no_capacity",
          detail: "no cell took the start job in time",
        });
        ended.add(session.id);
      }
    }
    return ended;
  }

  async #checkLeases(open: readonly OpenSession[]): Promise<void> {
    const { cells } = this.#options;
    const leased = open.filter(({ state }) => state === "starting" || state === "ready" || state === "attached");
    const leases = await cells.leases(leased.map((session) => session.id));
    const replaced = await cells.replaced(leases.filter((lease) => lease !== null));
    const missing: OpenSession[] = [];
    for (const [index, session] of leased.entries()) {
      const lease = leases[index] ?? null;
      if (lease === null || lease.epoch < session.epoch) {
        missing.push(session);
      } else if (replaced.has(lease) && session.state !== "starting") {
        await this.#loseRunner(session, "its cell has a new runner");
      }
    }
    for (const session of this.#leases.overdue(missing)) {
      await this.#loseRunner(session, "the machine's lease ran out");
    }
  }

  async #loseRunner(session: OpenSession, detail: string): Promise<void> {
    await this.#end(session, { state: "failed", reason: "runner_lost", detail });
  }

  async #checkJobs(open: readonly OpenSession[]): Promise<void> {
    const silent: OpenSession[] = [];
    const sentBefore = Date.now() - JOB_LOOK_AFTER_MS + QUEUE_WAIT_MS_MAX;
    const due = open.filter(({ state, notAfter }) => state === "queued" && notAfter.getTime() <= sentBefore);
    for (const session of due) {
      const presence = await this.#options.queues.presence(
        startQueue(session.startCell),
        startJobId({ ...session, session: session.id }),
      );
      if (presence === "missing" || presence === "unknown") {
        await this.#sendAgain(session);
      } else if (isOver(presence)) {
        silent.push(session);
      }
    }
    for (const session of this.#jobs.overdue(silent)) {
      await this.#end(session, {
        state: "failed",
        reason: "internal",
        detail: "the start job ended without a report",
      });
    }
  }

  /** Unless it is in the outbox already. */
  async #sendAgain({ id, epoch }: OpenSession): Promise<void> {
    await this.#options.database.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM "Session" WHERE "id" = ${id} FOR UPDATE`;
      const session = await tx.session.findUniqueOrThrow({ where: { id } });
      const jobId = startJobId({ session: id, epoch });
      const isDue = session.state === "queued" && session.epoch === epoch;
      if (isDue && (await tx.outboxRow.findFirst({ where: { jobId } })) === null) {
        await putSessionStart(tx, session);
      }
    });
  }

  async #leaveAwayCells(open: readonly OpenSession[]): Promise<void> {
    const bound = open.filter(({ state, startCell, startState }) => isBound(state, startCell, startState));
    const there = await this.#options.cells.withRunner([...new Set(bound.map(({ startCell }) => startCell ?? ""))]);
    const away = bound.filter(({ startCell }) => !there.has(startCell ?? ""));
    for (const session of this.#cellsAway.overdue(away)) {
      await this.#sendToAll(session);
    }
  }

  /** The cell may have begun before it went away: then the epoch's lease decides, and the loser is an orphan. */
  async #sendToAll({ id, epoch, startCell }: OpenSession): Promise<void> {
    await this.#options.queues.remove(startQueue(startCell), startJobId({ session: id, epoch }));
    await this.#options.database.$transaction(async (tx) => {
      const { count } = await tx.session.updateMany({
        where: { id, epoch, state: "queued", startCell },
        data: { startCell: null },
      });
      if (count === 1 && startCell !== null) {
        await putStopJob(tx, startCell, id, epoch - 1, "stopped");
        await putSessionStart(tx, await tx.session.findUniqueOrThrow({ where: { id } }));
      }
    });
  }

  async #end(session: OpenSession, outcome: SessionEnd["outcome"]): Promise<void> {
    const { id, epoch, cell } = session;
    const ended = await this.#options.database.$transaction(async (tx) => {
      const done = await endSession(tx, { id, epoch, cell, outcome });
      if (done) {
        const details = { ...outcome, epoch };
        await putAudit(tx, { actorId: null, action: "session.end", subject: id, requestId: null, details });
      }
      return done;
    });
    if (ended) {
      this.#options.onChange(id);
    }
  }

  async #forgetKeys(): Promise<void> {
    const before = new Date(Date.now() - IDEMPOTENCY_KEEP_MS);
    await this.#options.database.idempotencyKey.deleteMany({ where: { createdAt: { lt: before } } });
  }
}

function isOver(presence: JobPresence): boolean {
  return presence === "completed" || presence === "failed";
}

/** Waits for one cell though any could start it. */
function isBound(state: OpenSession["state"], startCell: string | null, startState: string | null): boolean {
  return state === "queued" && startCell !== null && startState === null;
}
