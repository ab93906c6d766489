import { type Lab, RingsideError } from "@ringside/shared";
import { isAdmin } from "../auth/access.ts";
import type { Principal } from "../auth/principal.ts";
import type { Database } from "../database/database.ts";
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

/**
 * The one offer that a request means.
 * @throws RingsideError not_found, or bad_request where several courses offer the lab and none was named
 */
export async function needOffer(
  database: Database,
  principal: Principal,
  lab: string,
  course: string | undefined,
): Promise<Offer> {
  // One statement: a class asks at once.
  const courses = await database.course.findMany({
    where: {
      AND: [
        isAdmin(principal) ? {} : { id: { in: [...principal.roles.keys()] } },
        course === undefined ? {} : { id: course },
        { labs: { some: { lab } } },
      ],
    },
    orderBy: { id: "asc" },
  });
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

export async function labBody(images: ImageShelf, course: string, { lab, file, rubric }: LabDefinition): Promise<Lab> {
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
  };
}
