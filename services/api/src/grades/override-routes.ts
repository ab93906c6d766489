import { overrideListSchema, setOverrideSchema, slugSchema, submissionSchema } from "@ringside/shared";
import type { FastifyRequest } from "fastify";
import { requireStaff } from "../auth/access.ts";
import { principalOf } from "../auth/plugin.ts";
import type { Core } from "../core.ts";
import { actorOf } from "../courses/routes.ts";
import { answersTo } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";
import { needSubmission, submissionParams } from "../submissions/requests.ts";
import { type SubmissionRow, submissionBody } from "../submissions/view.ts";
import { overrideList, removeOverride, setOverride } from "./overrides.ts";

const checkParams = submissionParams.extend({ check: slugSchema });

export function registerOverrideRoutes(app: TypedApp, { database }: Core): void {
  /** The submission, for an instructor of its course. */
  const needJudged = async (request: FastifyRequest, id: string): Promise<SubmissionRow> => {
    const principal = principalOf(request);
    const row = await needSubmission(database, principal, id);
    requireStaff(principal, row.courseId);
    return row;
  };

  app.get(
    "/v1/submissions/:id/overrides",
    {
      schema: {
        summary: "What instructors judged of a submission, and when (the course's instructors)",
        tags: ["submissions"],
        params: submissionParams,
        response: answersTo(200, overrideListSchema, "forbidden", "not_found"),
      },
    },
    async (request) => overrideList(database, await needJudged(request, request.params.id)),
  );

  app.put(
    "/v1/submissions/:id/overrides/:check",
    {
      schema: {
        summary: "Judge a check in the grader's place (the course's instructors)",
        tags: ["submissions"],
        params: checkParams,
        body: setOverrideSchema,
        response: answersTo(200, submissionSchema, "forbidden", "not_found", "conflict"),
      },
    },
    async (request) => {
      const { id, check } = request.params;
      await needJudged(request, id);
      return submissionBody(await setOverride(database, actorOf(request), id, { check, ...request.body }));
    },
  );

  app.delete(
    "/v1/submissions/:id/overrides/:check",
    {
      schema: {
        summary: "Take a judgement back: the grader's own verdict counts again (the course's instructors)",
        tags: ["submissions"],
        params: checkParams,
        response: answersTo(200, submissionSchema, "forbidden", "not_found"),
      },
    },
    async (request) => {
      const { id, check } = request.params;
      await needJudged(request, id);
      return submissionBody(await removeOverride(database, actorOf(request), id, check));
    },
  );
}
