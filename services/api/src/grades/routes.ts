import { gradeTableSchema, slugSchema } from "@ringside/shared";
import { z } from "zod";
import { requireStaff } from "../auth/access.ts";
import { principalOf } from "../auth/plugin.ts";
import type { Core } from "../core.ts";
import { requireCourse } from "../courses/routes.ts";
import { answersTo } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";
import { submissionBody, submissionInclude } from "../submissions/view.ts";

export function registerGradeRoutes(app: TypedApp, { database }: Core): void {
  app.get(
    "/v1/courses/:course/labs/:lab/grades",
    {
      schema: {
        summary: "The latest submission of each member (the course's instructors)",
        tags: ["submissions"],
        params: z.object({ course: slugSchema, lab: slugSchema }),
        response: answersTo(200, gradeTableSchema, "forbidden", "not_found"),
      },
    },
    async (request) => {
      const { course, lab } = request.params;
      requireStaff(principalOf(request), course);
      await requireCourse(database, course);
      const members = await database.membership.findMany({
        where: { courseId: course, role: "student" },
        include: { user: true },
        orderBy: [{ user: { studentNumber: "asc" } }, { userId: "asc" }],
      });
      const submissions = await database.submission.findMany({
        where: { courseId: course, lab },
        distinct: ["userId"],
        orderBy: [{ userId: "asc" }, { createdAt: "desc" }],
        include: submissionInclude,
      });
      const latest = new Map(submissions.map((row) => [row.userId, row]));
      return {
        rows: members.map(({ user }) => {
          const submission = latest.get(user.id);
          return {
            user: user.id,
            name: user.name,
            studentNumber: user.studentNumber,
            submission: submission === undefined ? null : submissionBody(submission),
          };
        }),
      };
    },
  );
}
