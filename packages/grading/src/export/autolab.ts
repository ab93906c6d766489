import type { GradeResult } from "@ringside/shared";
import { type Language, momentsOf, reasonOf, shown, WORDS } from "./verdict-words.ts";

const STAGE = "Checks";

/**
 * What an autograder of Autolab prints (docs.autolabproject.com, "Guide for lab authors" and "Formatted feedback"):
 * lines of feedback, the last of which is JSON for its table, and as the very last line the autoresult. Problems are
 * named as the rubric's checks; the scoreboard's first column is the total, then one for each check. What cannot be
 * graded gets no scores, which leaves them to a person.
 * @param grade with the instructor's overrides, where there are any
 * @returns the text, each line with its newline
 */
export function autolabOutput(grade: GradeResult, language: Language): string {
  if (grade.outcome === "ungradable") {
    return lines(oneLine((grade.ungradable ?? WORDS.damaged)[language]), JSON.stringify({ scores: {} }));
  }
  const { verdicts, points, pointsMax } = grade;
  const feedback = verdicts.map((verdict, index) => {
    const { title, points: got, pointsMax: most } = verdict;
    const moments = momentsOf(verdict, language);
    const words = `${index + 1}. ${title[language]} (${got}/${most}): ${reasonOf(verdict, language)}`;
    return oneLine(moments === "" ? words : `${words} [${moments}]`);
  });
  const table = {
    _presentation: "semantic",
    stages: [STAGE],
    [STAGE]: Object.fromEntries(
      verdicts.map((verdict) => {
        const passed = verdict.verdict === "pass";
        return [verdict.check, { passed, ...(!passed && { hint: oneLine(reasonOf(verdict, language)) }) }];
      }),
    ),
  };
  const autoresult = {
    scores: Object.fromEntries(verdicts.map(({ check, points: got }) => [check, got])),
    scoreboard: [points, ...verdicts.map(({ points: got }) => got)],
  };
  const total = `${points}/${pointsMax} ${WORDS.points[language]}`;
  return lines(...feedback, total, JSON.stringify(table), JSON.stringify(autoresult));
}

/** A line that begins as JSON does could be taken for the table. */
function oneLine(text: string): string {
  return shown(text)
    .replace(/[\n\t\u2028\u2029]+/g, " ")
    .replace(/^(?=[{[])/, " ");
}

const lines = (...all: readonly string[]): string => all.map((line) => `${line}\n`).join("");
