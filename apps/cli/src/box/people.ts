import { z } from "zod";
import { type Api, createApi } from "../api/calls.ts";
import type { DataFolder } from "./data-folder.ts";
import { readTextOrUndefined, writePrivateFile } from "./private-file.ts";

/** What `ringside up` sets up at a first start: a course with every lab, an instructor and three students. */
const DEMO_COURSE = "os-demo";
const MEMBERS = [
  { name: "Instructor", studentNumber: "T1", role: "instructor" },
  { name: "Student One", studentNumber: "S1", role: "student" },
  { name: "Student Two", studentNumber: "S2", role: "student" },
  { name: "Student Three", studentNumber: "S3", role: "student" },
] as const;

const peopleSchema = z.strictObject({
  course: z.string(),
  people: z.array(z.strictObject({ name: z.string(), studentNumber: z.string(), role: z.string(), token: z.string() })),
});
export type People = z.infer<typeof peopleSchema>;

/**
 * Makes sure that the demo course and its people are there. Done again, it only adds what is missing: a start
 * that was cut short leaves nothing half.
 * @returns the people where they were made now; undefined where an earlier start had made them all
 */
export async function setUpPeople(
  folder: DataFolder,
  options: {
    readonly url: string;
    readonly adminToken: string;
    readonly labs: readonly string[];
    readonly signal: AbortSignal;
  },
): Promise<People | undefined> {
  const saved = await readTextOrUndefined(folder.peopleFile);
  if (saved !== undefined) return undefined;
  const api = createApi({ url: options.url, token: options.adminToken, signal: options.signal });
  const courses = await api.courses();
  if (!courses.some((course) => course.course === DEMO_COURSE)) await api.createCourse(DEMO_COURSE, "Ringside demo");
  const offered = new Set(courses.find((course) => course.course === DEMO_COURSE)?.labs ?? []);
  for (const lab of options.labs) if (!offered.has(lab)) await api.offerLab(DEMO_COURSE, lab);
  const people = { course: DEMO_COURSE, people: await addPeople(api) };
  await writePrivateFile(folder.peopleFile, `${JSON.stringify(people, null, 2)}\n`);
  return people;
}

async function addPeople(api: Api): Promise<People["people"]> {
  const answer = await api.addMembers(DEMO_COURSE, MEMBERS);
  const people: People["people"] = [];
  for (const { user, role, token } of answer) {
    people.push({
      name: user.name,
      studentNumber: user.studentNumber ?? "",
      role,
      // An earlier start had added them and was cut short before it could save their tokens.
      token: token ?? (await api.createToken("ringside up", user.id)).token,
    });
  }
  return people;
}
