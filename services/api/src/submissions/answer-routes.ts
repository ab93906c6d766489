import { answerSchema, putAnswerSchema, sessionAnswersSchema } from "@ringside/shared";
import { requireOwner } from "../auth/access.ts";
import { principalOf } from "../auth/plugin.ts";
import type { Core } from "../core.ts";
import { answersTo } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";
import { needSession, sessionParams } from "../sessions/requests.ts";
import { answersOf, needQuestion, putAnswer } from "./answers.ts";

const answerParams = sessionParams.extend({ question: answerSchema.shape.question });

export function registerAnswerRoutes(app: TypedApp, { database, labs }: Core): void {
  app.get(
    "/v1/sessions/:id/answers",
    {
      schema: {
        summary: "The lab's questions, with the answers that go with the session's submission",
        tags: ["submissions"],
        params: sessionParams,
        response: answersTo(200, sessionAnswersSchema, "not_found", "lab_invalid"),
      },
    },
    async (request) => {
      const { row } = await needSession(database, principalOf(request), request.params.id);
      const { rubric } = await labs.load(row.lab);
      return answersOf(database, row.id, rubric.questions);
    },
  );

  app.put(
    "/v1/sessions/:id/answers/:question",
    {
      schema: {
        summary: "Answer one of the lab's questions; again: the last answer stands. Not once the session is handed in",
        tags: ["submissions"],
        params: answerParams,
        body: putAnswerSchema,
        response: answersTo(200, sessionAnswersSchema, "forbidden", "not_found", "conflict", "lab_invalid"),
      },
    },
    async (request) => {
      const principal = principalOf(request);
      const { row } = await needSession(database, principal, request.params.id);
      requireOwner(principal, row);
      const { questions } = (await labs.load(row.lab)).rubric;
      const question = needQuestion(questions, request.params.question);
      const { value } = request.body;
      const given = { session: row.id, user: principal.user.id, requestId: request.id, value };
      await putAnswer(database, question, given);
      return answersOf(database, row.id, questions);
    },
  );
}
