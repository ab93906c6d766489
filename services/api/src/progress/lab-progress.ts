import type { LabProgress, Progress, Timeline } from "@ringside/shared";
import { RingsideError } from "@ringside/shared";
import type { Database } from "../database/database.ts";
import type { User } from "../generated/client.ts";
import type { LabOfCourse } from "../grades/regrades.ts";
import type { LabFolder } from "../labs/lab-folder.ts";
import { PROGRESS_LOOK_MS_MAX, TIMELINE_SESSIONS_MAX } from "../limits.ts";
import { SESSION_STATES_OPEN } from "../sessions/transitions.ts";
import { type Look, progressInclude, type SessionProgress } from "./session-progress.ts";

export interface LabProgressOptions {
  readonly database: Database;
  readonly labs: LabFolder;
  readonly progress: SessionProgress;
}

/** Who asks, and how long they wait. */
export interface Asked {
  readonly user: string;
  readonly signal: AbortSignal;
}

const lookOf = ({ user, signal }: Asked): Look => ({
  user,
  signal: AbortSignal.any([signal, AbortSignal.timeout(PROGRESS_LOOK_MS_MAX)]),
});

const MINUTE_MS = 60_000;

/** Each student of the course, with their running session or the last one that ended within so many minutes. */
export async function labProgress(
  { database, progress }: LabProgressOptions,
  { course, lab }: LabOfCourse,
  minutes: number,
  asked: Asked,
): Promise<LabProgress> {
  const now = Date.now();
  const members = await database.membership.findMany({
    where: { courseId: course, role: "student" },
    include: { user: true },
    orderBy: [{ user: { studentNumber: "asc" } }, { userId: "asc" }],
  });
  const sessions = await database.session.findMany({
    where: {
      ...{ courseId: course, lab, forkedFromId: null },
      OR: [{ state: { in: [...SESSION_STATES_OPEN] } }, { endedAt: { gt: new Date(now - minutes * MINUTE_MS) } }],
    },
    include: progressInclude,
    distinct: ["userId"],
    orderBy: [{ userId: "asc" }, { createdAt: "desc" }],
  });
  const byUser = new Map(sessions.map((session) => [session.userId, session]));
  const look = lookOf(asked);
  const rows = await Promise.all(
    members.map(async ({ user }) => {
      const session = byUser.get(user.id);
      const found = session === undefined ? null : await progress.of(session, look);
      return { ...student(user), progress: found, minutes: found === null ? null : minutesSince(found, now) };
    }),
  );
  return { at: new Date(now).toISOString(), rows };
}

/** Since the last milestone, or the session's beginning. */
function minutesSince({ last, createdAt }: Progress, now: number): number {
  const since = Math.max(Date.parse(createdAt), Date.parse(last?.at ?? "") || 0);
  return Math.max(0, Math.round((now - since) / (MINUTE_MS / 10)) / 10);
}

const student = ({ id, name, studentNumber }: User) => ({ user: id, name, studentNumber });

/** One student's sessions of a lab, and where each check was first met. @throws RingsideError not_found */
export async function timelineOf(
  { database, labs, progress }: LabProgressOptions,
  { course, lab }: LabOfCourse,
  userId: string,
  asked: Asked,
): Promise<Timeline> {
  const member = await database.membership.findUnique({
    where: { courseId_userId: { courseId: course, userId } },
    include: { user: true },
  });
  if (member === null) {
    throw new RingsideError("not_found", { message: "The course has no such member" });
  }
  const { rubric } = await labs.load(lab);
  const rows = await database.session.findMany({
    where: { courseId: course, lab, userId, forkedFromId: null },
    include: progressInclude,
    orderBy: [{ createdAt: "desc" }, { id: "desc" }],
    take: TIMELINE_SESSIONS_MAX,
  });
  const look = lookOf(asked);
  const sessions = await Promise.all(rows.reverse().map((row) => progress.of(row, look)));
  return { ...student(member.user), sessions, firsts: rubric.checks.map((check) => firstOf(check, sessions)) };
}

function firstOf(
  { id, title }: { readonly id: string; readonly title: Timeline["firsts"][number]["title"] },
  sessions: readonly Progress[],
): Timeline["firsts"][number] {
  for (const { session, milestones } of sessions) {
    const met = milestones.find(({ check, verdict }) => check === id && verdict === "pass");
    if (met !== undefined) {
      return { check: id, title, session, event: met.event, at: met.at };
    }
  }
  return { check: id, title, session: null, event: null, at: null };
}
