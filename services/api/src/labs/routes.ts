import { labListSchema, labSchema, offerLabSchema, RingsideError, slugSchema } from "@ringside/shared";
import { z } from "zod";
import { requireStaff } from "../auth/access.ts";
import { principalOf } from "../auth/plugin.ts";
import type { Core } from "../core.ts";
import { offerLab } from "../courses/courses.ts";
import { actorOf, courseParams, requireCourse } from "../courses/routes.ts";
import { answersTo } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";
import { labBody, needOffer, visibleOffers } from "./offers.ts";

const courseQuery = z.object({ course: slugSchema.optional() });

export function registerLabRoutes(app: TypedApp, { database, labs, images, log }: Core): void {
  app.post(
    "/v1/courses/:course/labs",
    {
      schema: {
        summary: "Offer a lab of the server's lab folder in a course (its instructors)",
        tags: ["labs"],
        params: courseParams,
        body: offerLabSchema,
        response: answersTo(200, labSchema, "forbidden", "not_found", "lab_invalid"),
      },
    },
    async (request) => {
      const { course } = request.params;
      requireStaff(principalOf(request), course);
      await requireCourse(database, course);
      const definition = await labs.load(request.body.lab);
      await offerLab(database, actorOf(request), course, definition.lab);
      return labBody(images, course, definition);
    },
  );

  app.get(
    "/v1/labs",
    {
      schema: {
        summary: "The labs of one's courses",
        tags: ["labs"],
        querystring: courseQuery,
        response: answersTo(200, labListSchema),
      },
    },
    async (request) => {
      const offers = await visibleOffers(database, principalOf(request), request.query.course);
      const bodies = await Promise.all(
        offers.map(async ({ course, lab }) => {
          try {
            return [await labBody(images, course.id, await labs.load(lab))];
          } catch (error) {
            // One lab with a mistake must not hide the others; asked for by name it says what is wrong.
            if (error instanceof RingsideError && (error.code === "lab_invalid" || error.code === "not_found")) {
              log.warn({ lab, course: course.id, code: error.code }, error.message);
              return [];
            }
            throw error;
          }
        }),
      );
      return { labs: bodies.flat() };
    },
  );

  app.get(
    "/v1/labs/:lab",
    {
      schema: {
        summary: "One lab",
        tags: ["labs"],
        params: z.object({ lab: slugSchema }),
        querystring: courseQuery,
        response: answersTo(200, labSchema, "not_found", "lab_invalid"),
      },
    },
    async (request) => {
      const offer = await needOffer(database.sql, principalOf(request), request.params.lab, request.query.course);
      return labBody(images, offer.course.id, await labs.load(offer.lab));
    },
  );
}
