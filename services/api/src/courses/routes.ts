import {
  addMembersAnswerSchema,
  addMembersSchema,
  courseListSchema,
  courseSchema,
  createCourseSchema,
  memberListSchema,
  meSchema,
  RingsideError,
  slugSchema,
} from "@ringside/shared";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { isAdmin, requireAdmin, requireStaff } from "../auth/access.ts";
import { principalOf } from "../auth/plugin.ts";
import type { Core } from "../core.ts";
import { answersTo } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";
import { type Actor, addMembers, courseBody, courseInclude, createCourse, userBody } from "./courses.ts";

export const courseParams = z.object({ course: slugSchema });

export function actorOf(request: FastifyRequest): Actor {
  return { id: principalOf(request).user.id, requestId: request.id };
}

export function registerCourseRoutes(app: TypedApp, { database }: Core): void {
  app.get(
    "/v1/me",
    { schema: { summary: "Who the token belongs to", tags: ["people"], response: answersTo(200, meSchema) } },
    async (request) => {
      const { user, roles } = principalOf(request);
      const courses = await database.course.findMany({
        where: { id: { in: [...roles.keys()] } },
        orderBy: { id: "asc" },
      });
      return {
        user: userBody(user),
        courses: courses.flatMap(({ id, title }) => {
          const role = roles.get(id);
          return role === undefined ? [] : [{ course: id, title, role }];
        }),
      };
    },
  );

  app.post(
    "/v1/courses",
    {
      schema: {
        summary: "Make a course (admin)",
        tags: ["people"],
        body: createCourseSchema,
        response: answersTo(201, courseSchema, "forbidden", "conflict"),
      },
    },
    async (request, reply) => {
      requireAdmin(principalOf(request));
      const { course, title } = request.body;
      return reply.code(201).send(await createCourse(database, actorOf(request), course, title));
    },
  );

  app.get(
    "/v1/courses",
    {
      schema: {
        summary: "One's courses; an admin's are all",
        tags: ["people"],
        response: answersTo(200, courseListSchema),
      },
    },
    async (request) => {
      const principal = principalOf(request);
      const where = isAdmin(principal) ? {} : { id: { in: [...principal.roles.keys()] } };
      const rows = await database.course.findMany({ where, include: courseInclude, orderBy: { id: "asc" } });
      return { courses: rows.map(courseBody) };
    },
  );

  registerMemberRoutes(app, database);
}

function registerMemberRoutes(app: TypedApp, database: Core["database"]): void {
  app.post(
    "/v1/courses/:course/members",
    {
      schema: {
        summary: "Add people to a course (its instructors)",
        tags: ["people"],
        params: courseParams,
        body: addMembersSchema,
        response: answersTo(200, addMembersAnswerSchema, "forbidden", "not_found"),
      },
    },
    async (request) => {
      const { course } = request.params;
      requireStaff(principalOf(request), course);
      await requireCourse(database, course);
      return { members: [...(await addMembers(database, actorOf(request), course, request.body.members))] };
    },
  );

  app.get(
    "/v1/courses/:course/members",
    {
      schema: {
        summary: "The people of a course (its instructors)",
        tags: ["people"],
        params: courseParams,
        response: answersTo(200, memberListSchema, "forbidden", "not_found"),
      },
    },
    async (request) => {
      const { course } = request.params;
      requireStaff(principalOf(request), course);
      await requireCourse(database, course);
      const rows = await database.membership.findMany({
        where: { courseId: course },
        include: { user: true },
        orderBy: [{ user: { studentNumber: "asc" } }, { userId: "asc" }],
      });
      return { members: rows.map(({ user, role }) => ({ user: userBody(user), role })) };
    },
  );
}

/** Admins pass `requireStaff` for courses that do not exist. @throws RingsideError not_found */
export async function requireCourse(database: Core["database"], id: string): Promise<void> {
  if ((await database.course.findUnique({ where: { id }, select: { id: true } })) === null) {
    throw new RingsideError("not_found");
  }
}
