import { CliError } from "../exit-codes.ts";
import type { Api } from "./calls.ts";

/**
 * The course that an instructor's command is about: the one given, else the only one of theirs that offers the lab.
 * @throws CliError where there is none, or more than one
 */
export async function chooseCourse(api: Api, lab: string, given: string | undefined): Promise<string> {
  if (given !== undefined) return given;
  const courses = (await api.labs()).filter((offer) => offer.lab === lab).map(({ course }) => course);
  const [only, ...others] = courses;
  if (only === undefined)
    throw new CliError("not_found", `None of your courses offers a lab ${lab}: \`ringside labs\``);
  if (others.length > 0) {
    throw new CliError("usage", `Several of your courses offer ${lab}: say --course with ${courses.join(" or ")}`);
  }
  return only;
}
