/** Grows whenever the same trace and rubric could give another result. */
export const GRADER_VERSION = "3";
