import {
  createRegradeSchema,
  RingsideError,
  regradeChangesQuerySchema,
  regradeChangesSchema,
  regradeIdSchema,
  regradeListSchema,
  regradeSchema,
  slugSchema,
  waitQuerySchema,
} from "@ringside/shared";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { requireStaff } from "../auth/access.ts";
import { principalOf } from "../auth/plugin.ts";
import type { Core } from "../core.ts";
import { actorOf, requireCourse } from "../courses/routes.ts";
import { answersTo } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";
import { RUBRIC_FILE_BYTES_MAX } from "../limits.ts";
import { applyRegrade } from "./regrade-apply.ts";
import { regradeChanges } from "./regrade-changes.ts";
import { createRegrade, type LabOfCourse, listRegrades, needRegrade, regradeBody } from "./regrades.ts";
import { type RubricFile, readRubric } from "./rubric.ts";

const labParams = z.object({ course: slugSchema, lab: slugSchema });
const regradeParams = labParams.extend({ id: regradeIdSchema });
const PATH = "/v1/courses/:course/labs/:lab/regrades";
const tags = ["submissions"];

export function registerRegradeRoutes(app: TypedApp, core: Core): void {
  registerMaking(app, core);
  registerLooking(app, core);
}

/** The lab, for an instructor of its course. */
async function needLab({ database }: Core, request: FastifyRequest): Promise<LabOfCourse> {
  const of = labParams.parse(request.params);
  requireStaff(principalOf(request), of.course);
  await requireCourse(database, of.course);
  return of;
}

/** Of the lab folder's rubric; null where it cannot be read. */
async function labsDigest({ labs }: Core, lab: string): Promise<string | null> {
  return labs.load(lab).then(
    ({ rubric }) => rubric.digest,
    () => null,
  );
}

function uploaded(text: string, file: string): RubricFile {
  if (Buffer.byteLength(text) > RUBRIC_FILE_BYTES_MAX) {
    throw new RingsideError("payload_too_large", {
      message: `The rubric is larger than ${RUBRIC_FILE_BYTES_MAX} bytes`,
    });
  }
  return readRubric(file, text);
}

function registerMaking(app: TypedApp, core: Core): void {
  const { database, labs, outbox } = core;

  app.post(
    PATH,
    {
      schema: {
        summary: "Grade all submissions of a lab anew, to look at what would change (the course's instructors)",
        tags,
        params: labParams,
        body: createRegradeSchema,
        response: answersTo(
          202,
          regradeSchema,
          "forbidden",
          "not_found",
          "conflict",
          "lab_invalid",
          "payload_too_large",
        ),
      },
    },
    async (request, reply) => {
      const of = await needLab(core, request);
      const { rubric: text, file = "rubric.yaml" } = request.body;
      const rubric = text === undefined ? (await labs.load(of.lab)).rubric : uploaded(text, file);
      const row = await createRegrade(database, actorOf(request), of, rubric);
      outbox.kick();
      return reply.code(202).send(await regradeBody(database, row, await labsDigest(core, of.lab)));
    },
  );

  app.post(
    `${PATH}/:id/apply`,
    {
      schema: {
        summary: "Make the results of a regrade grades (the course's instructors)",
        tags,
        params: regradeParams,
        response: answersTo(200, regradeSchema, "forbidden", "not_found", "conflict"),
      },
    },
    async (request) => {
      const of = await needLab(core, request);
      const { id } = request.params;
      await needRegrade(database, of, id);
      await applyRegrade(database, actorOf(request), of, id);
      return regradeBody(database, await needRegrade(database, of, id), await labsDigest(core, of.lab));
    },
  );
}

function registerLooking(app: TypedApp, core: Core): void {
  const { database, waiters } = core;

  app.get(
    PATH,
    {
      schema: {
        summary: "The last regrades of a lab (the course's instructors)",
        tags,
        params: labParams,
        response: answersTo(200, regradeListSchema, "forbidden", "not_found"),
      },
    },
    async (request) => {
      const of = await needLab(core, request);
      const digest = await labsDigest(core, of.lab);
      const rows = await listRegrades(database, of);
      return { regrades: await Promise.all(rows.map((row) => regradeBody(database, row, digest))) };
    },
  );

  app.get(
    `${PATH}/:id`,
    {
      schema: {
        summary: "How far a regrade is; with wait_ms, as soon as it is ready (the course's instructors)",
        tags,
        params: regradeParams,
        querystring: waitQuerySchema,
        response: answersTo(200, regradeSchema, "forbidden", "not_found"),
      },
    },
    async (request) => {
      const of = await needLab(core, request);
      const { id } = request.params;
      const row = await waiters.wait({
        id,
        ms: request.query.wait_ms,
        signal: request.signal,
        load: () => needRegrade(database, of, id),
        done: ({ state }) => state !== "running",
      });
      return regradeBody(database, row, await labsDigest(core, of.lab));
    },
  );

  app.get(
    `${PATH}/:id/changes`,
    {
      schema: {
        summary: "What a regrade changes, by submission (the course's instructors)",
        tags,
        params: regradeParams,
        querystring: regradeChangesQuerySchema,
        response: answersTo(200, regradeChangesSchema, "forbidden", "not_found"),
      },
    },
    async (request) => {
      const of = await needLab(core, request);
      const { id } = await needRegrade(database, of, request.params.id);
      return regradeChanges(database, id, request.query);
    },
  );
}
