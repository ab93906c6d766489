import { labNotes } from "@ringside/grading";
import { type Lab, RingsideError } from "@ringside/shared";
import { isAdmin } from "../auth/access.ts";
import type { Principal } from "../auth/principal.ts";
import type { Database } from "../database/database.ts";
import { type Queryable, statement } from "../database/sql.ts";
import type { Course } from "../generated/client.ts";
import type { ImageShelf } from "../images/image-shelf.ts";
import type { LabDefinition } from "./lab-folder.ts";

export interface Offer {
  readonly course: Course;
  readonly lab: string;
}

/** The labs that the principal's courses offer, all courses for an admin; by course, then lab. */
export async function visibleOffers(
  database: Database,
  principal: Principal,
  course: string | undefined,
): Promise<readonly Offer[]> {
  const rows = await database.courseLab.findMany({
    where: {
      AND: [
        isAdmin(principal) ? {} : { courseId: { in: [...principal.roles.keys()] } },
        course === undefined ? {} : { courseId: course },
      ],
    },
    include: { course: true },
    orderBy: [{ courseId: "asc" }, { lab: "asc" }],
  });
  return rows.map((row) => ({ course: row.course, lab: row.lab }));
}

const FIND_OFFERS = statement<Course>(
  "find offers",
  `SELECT c."id", c."title", c."secret", c."createdAt" FROM "Course" c
   JOIN "CourseLab" l ON l."courseId" = c."id" AND l."lab" = $1
   WHERE ($2::text[] IS NULL OR c."id" = ANY ($2)) AND ($3::text IS NULL OR c."id" = $3) ORDER BY c."id"`,
);

/**
 * The one offer that a request means.
 * @throws RingsideError not_found, or bad_request where several courses offer the lab and none was named
 */
export async function needOffer(
  sql: Queryable,
  principal: Principal,
  lab: string,
  course: string | undefined,
): Promise<Offer> {
  const own = isAdmin(principal) ? null : [...principal.roles.keys()];
  const courses = await sql.query(FIND_OFFERS, [lab, own, course ?? null]);
  const [only, ...others] = courses;
  if (only === undefined) {
    throw new RingsideError("not_found", { message: `None of your courses offers a lab ${lab}` });
  }
  if (others.length > 0) {
    throw new RingsideError("bad_request", {
      message: `Several of your courses offer ${lab}: name the course`,
      details: { courses: courses.map(({ id }) => id) },
    });
  }
  return { course: only, lab };
}

export async function labBody(images: ImageShelf, course: string, definition: LabDefinition): Promise<Lab> {
  const { lab, file, rubric, tables } = definition;
  const image = await images.find(file.image);
  return {
    lab,
    course,
    title: file.title,
    summary: file.summary,
    image: file.image,
    imageDigest: image?.manifest.digest ?? null,
    rubricDigest: rubric.digest,
    pointsMax: rubric.pointsMax,
    firstSteps: file.first_steps,
    sessionMinutes: file.limits.session_minutes,
    questions: [...rubric.questions],
    notes: [...labNotes(file, tables)],
  };
}
