/** A lab's YAML file. The parser's check for double keys is quadratic: about a second at this size. */
export const YAML_BYTES_MAX = 64 * 1024;
/** Maps and lists inside each other. */
export const YAML_NESTING_MAX = 24;
/** So many problems of a file are told at once. */
export const PROBLEMS_MAX = 20;
export const CHECKS_MAX = 100;
export const POINTS_MAX = 1_000;
export const FUNCTIONS_MAX = 100;
export const ALIASES_MAX = 50;
/** Conditions in one `all_of` or `any_of`. */
export const CONDITIONS_MAX = 20;
/** `all_of` and `any_of` inside each other. */
export const CONDITION_NESTING_MAX = 6;
export const ARGUMENTS_MAX = 8;
export const TYPED_CHARS_MAX = 200;
/** Event numbers shown for one verdict. */
export const EVIDENCE_MAX = 20;
/** Different things seen that a reason names. */
export const SEEN_MAX = 5;
/** Ways to a part of a check's points. */
export const PARTIAL_MAX = 10;
export const QUESTIONS_MAX = 50;
/** Answers that are right, of one question. */
export const RIGHT_ANSWERS_MAX = 20;
export const ANSWER_CHARS_MAX = 200;
/** Registers that one `stopped_at` asks for. */
export const REGISTERS_MAX = 16;
/** Steps or bytes that a rubric may ask for. */
export const COUNT_MAX = 1_000_000;
/** Names proposed for one that is not there. */
export const NEAREST_MAX = 3;
/** Changes of one letter between a name and one that is proposed for it. */
export const NEAREST_EDITS_MAX = 4;
/** Names of one function that are looked at. */
export const NAMES_MAX = 500;
/** One text of an exported grade: a hundred checks with several of them fit into PrairieLearn's 1 MB. */
export const EXPORTED_TEXT_CHARS_MAX = 1_000;
