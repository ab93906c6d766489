export { canonicalJson } from "./canonical-json.ts";
export { type GradeInput, gradeTrace } from "./grade.ts";
export { parseLabFile } from "./lab-file.ts";
export { parseRubricFile } from "./parse-rubric.ts";
export { type Check, pointsMaxOf, type Rubric } from "./rubric.ts";
export type { ExpectedTrace } from "./ungradable.ts";
export { GRADER_VERSION } from "./version.ts";
export type { Problem } from "./yaml-file.ts";
