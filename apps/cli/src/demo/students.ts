import { randomUUID } from "node:crypto";
import type { Session } from "@ringside/shared";
import { type Api, createApi, waitForSession } from "../api/calls.ts";
import { CliError } from "../exit-codes.ts";

export const DEMO_COURSE = "demo";
const DEMO_LAB = "net-listen";

/** How a student of the demo reaches their machine, and how far they go. */
type Way = "tcp" | "websocket";
type Goal = "listen" | "attach";

interface Role {
  readonly name: string;
  readonly number: string;
  readonly way: Way;
  readonly goal: Goal;
}

const ROLES: readonly Role[] = [
  { name: "Ada", number: "2026001", way: "tcp", goal: "listen" },
  { name: "Ben", number: "2026002", way: "websocket", goal: "listen" },
  { name: "Chen", number: "2026003", way: "websocket", goal: "listen" },
  { name: "Dora", number: "2026004", way: "tcp", goal: "attach" },
];

export interface Student extends Role {
  readonly token: string;
  readonly api: Api;
}

/** Sets up the demo's course through REST: the course, its lab, and its students. */
export async function enrol(url: string, adminToken: string, signal: AbortSignal): Promise<Student[]> {
  const admin = createApi({ url, token: adminToken, signal });
  await admin.createCourse(DEMO_COURSE, "Ringside demo");
  await admin.offerLab(DEMO_COURSE, DEMO_LAB);
  const added = await admin.addMembers(
    DEMO_COURSE,
    ROLES.map(({ name, number }) => ({ name, studentNumber: number, role: "student" as const })),
  );
  return ROLES.map((role) => {
    const token = added.find((member) => member.user.studentNumber === role.number)?.token;
    if (!token) throw new CliError("failed", `The server gave no token for ${role.name}`);
    return { ...role, token, api: createApi({ url, token, signal }) };
  });
}

export interface Provisioned {
  readonly student: Student;
  readonly session: Session;
  /** From the request to the answer that says ready. */
  readonly readyMs: number;
}

/** Requests all sessions at the same time and waits until all are ready. */
export function provision(students: readonly Student[]): Promise<Provisioned[]> {
  return Promise.all(
    students.map(async (student) => {
      const startedAt = performance.now();
      const requested = await student.api.startSession(DEMO_LAB, DEMO_COURSE, randomUUID());
      const session = await waitForSession(student.api, requested.id, () => undefined);
      if (session.state !== "ready") {
        throw new CliError(
          "failed",
          `${student.name}'s session is ${session.state}: ${session.message ?? session.reason}`,
        );
      }
      return { student, session, readyMs: performance.now() - startedAt };
    }),
  );
}
