import type { GradeTable } from "@ringside/shared";
import { table } from "./table.ts";

/** A lab's grades, a line for each student. */
export function gradesTable(grades: GradeTable): string {
  const rows = grades.rows.map((row) => {
    const grade = row.submission?.grade ?? null;
    const points = grade === null ? "" : `${grade.points}/${grade.pointsMax}`;
    const state = row.submission === null ? "nothing handed in" : (grade?.outcome ?? "waiting for its grade");
    const judged = grade?.verdicts.filter(({ override }) => override !== undefined).map(({ check }) => check) ?? [];
    const unused = grade?.overridesUnused?.map(({ check }) => `${check} (fits no check any more)`) ?? [];
    const by = [...judged, ...unused].join(", ");
    return [row.studentNumber ?? "", row.name, points, state, row.submission?.id ?? "", by];
  });
  return table(["number", "name", "points", "state", "submission", "judged by hand"], rows);
}
