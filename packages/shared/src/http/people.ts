import { z } from "zod";
import { slugSchema, tokenIdSchema, userIdSchema } from "../ids.ts";
import { NAME_CHARS_MAX, ROSTER_ROWS_MAX } from "../limits.ts";

/** `admin` is a person's role everywhere; `student` and `instructor` are roles in one course. */
export const SITE_ROLES = ["member", "admin"] as const;
export const COURSE_ROLES = ["student", "instructor"] as const;
export const siteRoleSchema = z.enum(SITE_ROLES);
export const courseRoleSchema = z.enum(COURSE_ROLES);

const nameSchema = z.string().trim().min(1).max(NAME_CHARS_MAX);
export const studentNumberSchema = z.string().regex(/^[A-Za-z0-9]{1,32}$/);
/** `rs_` and 43 characters of base64url (256 bits). Shown once; only its sha256 is stored. */
export const bearerTokenSchema = z.string().regex(/^rs_[A-Za-z0-9_-]{43}$/);

export const userSchema = z.strictObject({
  id: userIdSchema,
  name: nameSchema,
  studentNumber: studentNumberSchema.nullable(),
  siteRole: siteRoleSchema,
});
export type User = z.infer<typeof userSchema>;

/** GET /v1/me */
export const meSchema = z.strictObject({
  user: userSchema,
  courses: z.array(z.strictObject({ course: slugSchema, title: nameSchema, role: courseRoleSchema })),
});
export type Me = z.infer<typeof meSchema>;

/** POST /v1/courses (admin) */
export const createCourseSchema = z.strictObject({ course: slugSchema, title: nameSchema });
export const courseSchema = z.strictObject({
  course: slugSchema,
  title: nameSchema,
  labs: z.array(slugSchema),
  createdAt: z.iso.datetime(),
});
export type Course = z.infer<typeof courseSchema>;
export const courseListSchema = z.strictObject({ courses: z.array(courseSchema) });

/** POST /v1/courses/:course/members (instructor of the course, or admin). A member is known by student number. */
export const addMembersSchema = z.strictObject({
  members: z
    .array(z.strictObject({ name: nameSchema, studentNumber: studentNumberSchema, role: courseRoleSchema }))
    .min(1)
    .max(ROSTER_ROWS_MAX),
});
export const memberSchema = z.strictObject({ user: userSchema, role: courseRoleSchema });
/** A token is given only to members that are new to the server, and only in this answer. */
export const addMembersAnswerSchema = z.strictObject({
  members: z.array(memberSchema.extend({ token: bearerTokenSchema.nullable() })),
});
export const memberListSchema = z.strictObject({ members: z.array(memberSchema) });

/** POST /v1/tokens: a further token for oneself; an admin may name another user. */
export const createTokenSchema = z.strictObject({
  name: nameSchema,
  user: userIdSchema.optional(),
  expiresAt: z.iso.datetime().optional(),
});
export const tokenSchema = z.strictObject({
  id: tokenIdSchema,
  name: nameSchema,
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().nullable(),
});
export const createTokenAnswerSchema = tokenSchema.extend({ token: bearerTokenSchema });
export const tokenListSchema = z.strictObject({ tokens: z.array(tokenSchema) });
