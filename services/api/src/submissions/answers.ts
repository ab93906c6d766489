import { readNumber } from "@ringside/grading";
import { type Answer, type Question, RingsideError, type SessionAnswers } from "@ringside/shared";
import { putAudit } from "../audit/audit.ts";
import type { Database } from "../database/database.ts";

/**
 * Answers to a lab's questions that are given outside gdb. They stand with the session, the last one of a question,
 * until it is handed in; from then on they are part of the submission and never change.
 */
interface Given {
  readonly session: string;
  readonly user: string;
  readonly requestId: string;
  readonly value: string;
}

/** The question of that name. @throws RingsideError not_found, which names those that there are */
export function needQuestion(questions: readonly Question[], name: string): Question {
  const found = questions.find(({ question }) => question === name);
  if (found !== undefined) {
    return found;
  }
  const names = questions.map(({ question }) => question).join(", ");
  const there = names === "" ? "this lab asks nothing" : `there are ${names}`;
  throw new RingsideError("not_found", { message: `There is no question ${name}: ${there}` });
}

/** @throws RingsideError bad_request where it is no number and should be one, conflict once the session is handed in */
export async function putAnswer(
  database: Database,
  { question, kind }: Question,
  { session, user, requestId, value }: Given,
): Promise<void> {
  if (kind === "number" && readNumber(value) === null) {
    throw new RingsideError("bad_request", {
      message: `${question} asks for a number: decimal, 0x hex, 0 or 0o octal, or 0b binary`,
    });
  }
  await database.$transaction(async (tx) => {
    // Against a submission at the same moment, which locks the same row.
    await tx.$queryRaw`SELECT 1 FROM "Session" WHERE "id" = ${session} FOR UPDATE`;
    if ((await tx.submission.count({ where: { sessionId: session } })) > 0) {
      throw new RingsideError("conflict", { message: "The session is handed in: its answers stand" });
    }
    const at = new Date();
    await tx.sessionAnswer.upsert({
      where: { sessionId_question: { sessionId: session, question } },
      create: { sessionId: session, question, value, at },
      update: { value, at },
    });
    const details = { question, value };
    await putAudit(tx, { actorId: user, action: "session.answer", subject: session, requestId, details });
  });
}

/** Every question with the answer that stands. */
export async function answersOf(
  database: Database,
  session: string,
  questions: readonly Question[],
): Promise<SessionAnswers> {
  const rows = await database.sessionAnswer.findMany({ where: { sessionId: session } });
  const given = new Map(rows.map((row) => [row.question, row]));
  return {
    questions: questions.map((question) => {
      const row = given.get(question.question);
      return { ...question, value: row?.value ?? null, at: row?.at.toISOString() ?? null };
    }),
  };
}

/** What is handed to the grader, in a fixed order. */
export function answersToGrade(rows: readonly Answer[]): readonly Answer[] {
  return rows
    .map(({ question, value }) => ({ question, value }))
    .sort((a, b) => (a.question < b.question ? -1 : a.question > b.question ? 1 : 0));
}
