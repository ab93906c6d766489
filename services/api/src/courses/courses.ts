import { randomBytes } from "node:crypto";
import { type addMembersSchema, type Course, newId, RingsideError, type User } from "@ringside/shared";
import type { z } from "zod";
import { putAudit } from "../audit/audit.ts";
import { bearerTokenHash, newBearerToken } from "../auth/tokens.ts";
import type { Database, Transaction } from "../database/database.ts";
import { isUniqueViolation } from "../database/outage.ts";
import type { CourseRole, Prisma } from "../generated/client.ts";

export const courseInclude = { labs: { orderBy: { lab: "asc" } } } as const satisfies Prisma.CourseInclude;
type CourseRow = Prisma.CourseGetPayload<{ include: typeof courseInclude }>;

const COURSE_SECRET_BYTES = 32;
const ROSTER_TOKEN_NAME = "roster";
/** Two instructors may add the same new student at the same moment; the second finds them when it tries again. */
const ADD_TRIES = 2;

export function courseBody(row: CourseRow): Course {
  return {
    course: row.id,
    title: row.title,
    labs: row.labs.map(({ lab }) => lab),
    createdAt: row.createdAt.toISOString(),
  };
}

export function userBody({ id, name, studentNumber, siteRole }: User): User {
  return { id, name, studentNumber, siteRole };
}

/** On whose behalf something is changed. */
export interface Actor {
  readonly id: string;
  readonly requestId: string;
}

/** @throws RingsideError conflict where the course exists */
export async function createCourse(database: Database, actor: Actor, course: string, title: string): Promise<Course> {
  try {
    return await database.$transaction(async (tx) => {
      const row = await tx.course.create({
        data: { id: course, title, secret: randomBytes(COURSE_SECRET_BYTES).toString("hex") },
        include: courseInclude,
      });
      await audit(tx, actor, "course.create", course, { title });
      return courseBody(row);
    });
  } catch (cause) {
    if (isUniqueViolation(cause)) {
      throw new RingsideError("conflict", { message: `The course ${course} exists already`, cause });
    }
    throw cause;
  }
}

export async function offerLab(database: Database, actor: Actor, course: string, lab: string): Promise<void> {
  await database.$transaction(async (tx) => {
    const { count } = await tx.courseLab.createMany({ data: [{ courseId: course, lab }], skipDuplicates: true });
    if (count > 0) {
      await audit(tx, actor, "course.lab", course, { lab });
    }
  });
}

type NewMember = z.infer<typeof addMembersSchema>["members"][number];

export interface AddedMember {
  readonly user: User;
  readonly role: CourseRole;
  readonly token: string | null;
}

/**
 * Adds people to a course by student number. Who is known to the server already keeps their name and tokens;
 * who is a member already gets the role named now.
 */
export async function addMembers(
  database: Database,
  actor: Actor,
  course: string,
  members: readonly NewMember[],
): Promise<readonly AddedMember[]> {
  const numbers = members.map((member) => member.studentNumber);
  const twice = numbers.find((number, index) => numbers.indexOf(number) !== index);
  if (twice !== undefined) {
    throw new RingsideError("bad_request", { message: `Student number ${twice} stands in the list twice` });
  }
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await database.$transaction((tx) => addMembersIn(tx, actor, course, members));
    } catch (error) {
      if (!isUniqueViolation(error) || attempt >= ADD_TRIES) {
        throw error;
      }
    }
  }
}

async function addMembersIn(
  tx: Transaction,
  actor: Actor,
  course: string,
  members: readonly NewMember[],
): Promise<readonly AddedMember[]> {
  const numbers = members.map((member) => member.studentNumber);
  const known = new Map(
    (await tx.user.findMany({ where: { studentNumber: { in: numbers } } })).map((user) => [user.studentNumber, user]),
  );
  const added = members.map((member) => {
    const user = known.get(member.studentNumber);
    return user === undefined
      ? { user: newUser(member), role: member.role, token: newBearerToken() }
      : { user: userBody(user), role: member.role, token: null };
  });
  const fresh = added.filter((member) => member.token !== null);
  await tx.user.createMany({ data: fresh.map((member) => member.user) });
  await tx.token.createMany({
    data: fresh.map(({ user, token }) => ({
      id: newId("tok"),
      userId: user.id,
      name: ROSTER_TOKEN_NAME,
      sha256: bearerTokenHash(token ?? ""),
    })),
  });
  await tx.membership.createMany({
    data: added.map(({ user, role }) => ({ courseId: course, userId: user.id, role })),
    skipDuplicates: true,
  });
  for (const role of ["student", "instructor"] as const) {
    const ids = added.filter((member) => member.role === role).map((member) => member.user.id);
    await tx.membership.updateMany({
      where: { courseId: course, userId: { in: ids }, role: { not: role } },
      data: { role },
    });
  }
  await audit(tx, actor, "course.members", course, { users: added.map(({ user, role }) => ({ id: user.id, role })) });
  return added;
}

function newUser({ name, studentNumber }: NewMember): User {
  return { id: newId("usr"), name, studentNumber, siteRole: "member" };
}

async function audit(
  tx: Transaction,
  actor: Actor,
  action: "course.create" | "course.lab" | "course.members",
  course: string,
  details: Prisma.InputJsonObject,
): Promise<void> {
  await putAudit(tx, { actorId: actor.id, action, subject: course, requestId: actor.requestId, details });
}
