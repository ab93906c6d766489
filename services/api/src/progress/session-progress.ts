import { milestonesOf, nextCheck, parseRubricFile, type Rubric } from "@ringside/grading";
import { type GradeResult, gradeResultSchema, type Milestone, type Progress } from "@ringside/shared";
import type { CellClient } from "../cells/client.ts";
import type { Prisma } from "../generated/client.ts";
import { type GradeOptions, gradeInputFor } from "../grades/grade-submission.ts";
import { Lane } from "../lane.ts";
import {
  PROGRESS_AT_ONCE_MAX,
  PROGRESS_FRESH_MS,
  PROGRESS_SESSIONS_KEPT_MAX,
  PROGRESS_WAITING_MAX,
} from "../limits.ts";
import { submissionBody, submissionInclude } from "../submissions/view.ts";
import { openedAt } from "./opening.ts";

/**
 * How far sessions have come: those handed in by their grades, the others by their recordings so far, which are
 * fetched from their cells and graded in the grading threads. That costs as much as a grade: so many at a time, the
 * last answer is given again for PROGRESS_FRESH_MS, and for as long as the recording does not grow.
 */
export interface ProgressOptions extends Omit<GradeOptions, "database" | "onGraded"> {
  readonly cells: CellClient;
}

export const progressInclude = {
  answers: true,
  submission: { include: submissionInclude },
} as const satisfies Prisma.SessionInclude;
export type ProgressRow = Prisma.SessionGetPayload<{ include: typeof progressInclude }>;

/** Of what is not handed in. */
const NO_DIGEST = "0".repeat(64);

/** What was found of one recording. */
interface Found {
  readonly bytes: number;
  readonly rubric: string;
  readonly judged: Judged;
}

interface Judged {
  readonly result: GradeResult;
  readonly openedMs: number | null;
  readonly events: number;
}

export interface Look {
  /** On whose behalf the cell is asked. */
  readonly user: string;
  /** Of the whole request: what is not found by then is not told. */
  readonly signal: AbortSignal;
}

export class SessionProgress {
  readonly #options: ProgressOptions;
  readonly #lane = new Lane(PROGRESS_AT_ONCE_MAX, PROGRESS_WAITING_MAX);
  /** The least recently found first. */
  readonly #found = new Map<string, Found & { readonly atMs: number }>();

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  /** Never rejects for what is wrong with one session: `why` says it. @throws what reading the lab's rubric throws */
  async of(row: ProgressRow, look: Look): Promise<Progress> {
    const file = (await this.#options.labs.load(row.lab)).rubric;
    const rubric = parseRubricFile(file.file, file.text);
    if (row.submission !== null) {
      return this.#ofSubmission(row, row.submission, rubric);
    }
    if (row.cell === null) {
      return nothing(row, "Its machine is not there yet");
    }
    try {
      return told(row, "recording", await this.#judge(row, row.cell, look), rubric);
    } catch (error) {
      const isLate = look.signal.aborted;
      return nothing(row, isLate ? "It was not looked at in time: ask again" : messageOf(error));
    }
  }

  async #ofSubmission(
    row: ProgressRow,
    submission: NonNullable<ProgressRow["submission"]>,
    rubric: Rubric,
  ): Promise<Progress> {
    const { grade, traceEvents, traceDigest } = submissionBody(submission);
    if (grade === null) {
      return nothing(row, "It waits for its grade");
    }
    const openedMs = await openedAt(this.#options.traces.path(traceDigest)).catch(() => null);
    return told(row, "submission", { result: grade, openedMs, events: traceEvents }, rubric);
  }

  async #judge(row: ProgressRow, cell: string, look: Look): Promise<Judged> {
    const known = this.#found.get(row.id);
    const { digest } = (await this.#options.labs.load(row.lab)).rubric;
    if (known !== undefined && known.rubric === digest && performance.now() - known.atMs < PROGRESS_FRESH_MS) {
      return known.judged;
    }
    return this.#lane.run(async () => {
      look.signal.throwIfAborted();
      const found = await this.#look(row, cell, digest, known, look);
      this.#keep(row.id, found);
      return found.judged;
    });
  }

  async #look(
    row: ProgressRow,
    cell: string,
    digest: string,
    known: Found | undefined,
    { user, signal }: Look,
  ): Promise<Found> {
    const { cells, traces, grader, labs } = this.#options;
    const body = await cells.downloadTrace({ session: row.id, cell, user, signal });
    await using file = await traces.putSoFar(body);
    if (known !== undefined && known.bytes === file.bytes && known.rubric === digest) {
      return known;
    }
    const { rubric } = await labs.load(row.lab);
    const input = await gradeInputFor(this.#options, row, rubric);
    const text = await grader({ ...input, trace: file.path, traceDigest: NO_DIGEST, soFar: true }, signal);
    const result = gradeResultSchema.parse(JSON.parse(text));
    const judged = { result, openedMs: await openedAt(file.path), events: file.lines };
    return { bytes: file.bytes, rubric: digest, judged };
  }

  #keep(session: string, found: Found): void {
    this.#found.delete(session);
    this.#found.set(session, { ...found, atMs: performance.now() });
    const [oldest] = this.#found.keys();
    if (this.#found.size > PROGRESS_SESSIONS_KEPT_MAX && oldest !== undefined) {
      this.#found.delete(oldest);
    }
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function base(row: ProgressRow) {
  return {
    ...{ session: row.id, state: row.state, submission: row.submission?.id ?? null },
    createdAt: row.createdAt.toISOString(),
    endedAt: row.endedAt?.toISOString() ?? null,
  };
}

function nothing(row: ProgressRow, why: string): Progress {
  const empty = { outcome: null, events: 0, points: 0, pointsMax: 0, milestones: [], last: null, next: null };
  return { ...base(row), from: "none", why, ...empty };
}

function told(row: ProgressRow, from: "submission" | "recording", judged: Judged, rubric: Rubric): Progress {
  const { result, openedMs, events } = judged;
  const milestones = milestonesOf({ result, openedMs });
  const isGraded = result.outcome === "graded";
  return {
    ...{ ...base(row), from, why: result.ungradable?.en ?? null, outcome: result.outcome },
    ...{ events, points: result.points, pointsMax: result.pointsMax, milestones: [...milestones] },
    last: lastMilestone(milestones),
    next: isGraded ? nextCheck(rubric, milestones) : null,
  };
}

/** Of those that are met by something that happened, the one that was met last. */
function lastMilestone(milestones: readonly Milestone[]): Progress["last"] {
  const met = milestones.filter(({ verdict, event }) => verdict === "pass" && event !== null);
  const [last] = met.toSorted((a, b) => (b.event ?? 0) - (a.event ?? 0));
  return last === undefined ? null : { check: last.check, title: last.title, at: last.at };
}
