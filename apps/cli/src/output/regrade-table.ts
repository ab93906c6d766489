import type { CheckChange, GradeChange, Regrade } from "@ringside/shared";
import { table } from "./table.ts";

type Judged = CheckChange["before"];
type Totals = GradeChange["before"];

/** What a regrade changes: a line for each check that is judged otherwise, and for each submission's sum. */
export function regradeTable(regrade: Regrade, changes: readonly GradeChange[]): string {
  const sorted = changes.toSorted((a, b) => orderOf(a).localeCompare(orderOf(b)));
  const rows = sorted.flatMap(rowsOf);
  const head = ["number", "name", "check", "before", "after", "submission"];
  return [...(rows.length === 0 ? [] : [table(head, rows), ""]), ...summary(regrade, changes)].join("\n");
}

const orderOf = ({ studentNumber, name, submission }: GradeChange): string =>
  `${studentNumber ?? ""} ${name} ${submission}`;

function rowsOf(change: GradeChange): readonly (readonly string[])[] {
  const { studentNumber, name, submission, problem } = change;
  const who = [studentNumber ?? "", name];
  if (problem !== null) {
    return [[...who, "= all", totalsWords(change.before), `stays: ${problem}`, submission]];
  }
  return [
    ...change.checks.map(({ check, before, after }) => [
      ...who,
      check,
      judgedWords(before),
      judgedWords(after),
      submission,
    ]),
    ...change.unused.map(({ check, points, reason }) => [
      ...[...who, check, `${points} by hand: ${reason}`],
      ...["kept, but fits no check", submission],
    ]),
    [...who, "= all", totalsWords(change.before), totalsWords(change.after), submission],
  ];
}

function judgedWords(judged: Judged): string {
  if (judged === null) return "-";
  const { verdict, points, pointsMax, overridden } = judged;
  return `${verdict.replace("_", " ")} ${points}/${pointsMax}${overridden ? " by hand" : ""}`;
}

function totalsWords(totals: Totals): string {
  if (totals === null) return "no grade";
  const { outcome, ungradable, points, pointsMax } = totals;
  return outcome === "graded" ? `${points}/${pointsMax}` : `not gradable: ${ungradable?.en ?? ""}`;
}

function summary(regrade: Regrade, changes: readonly GradeChange[]): readonly string[] {
  const graded = changes.filter(({ problem }) => problem === null);
  const sum = (side: "before" | "after", of: "points" | "pointsMax") =>
    round(graded.reduce((total, change) => total + (change[side]?.[of] ?? 0), 0));
  const lost = graded.filter(({ before, after }) => before?.outcome === "graded" && after?.outcome === "ungradable");
  const unused = graded.reduce((total, change) => total + change.unused.length, 0);
  const { submissions, changed, problems } = regrade;
  return [
    `${changed} of ${submissions} submissions change: ${sum("before", "points")} of ${sum("before", "pointsMax")} points ` +
      `before, ${sum("after", "points")} of ${sum("after", "pointsMax")} after.`,
    ...(lost.length === 0
      ? []
      : [`${lost.length} would not be gradable any more: does the rubric fit the lab's image?`]),
    ...(problems === 0 ? [] : [`${problems} could not be graded now and keep their grades.`]),
    ...(unused === 0 ? [] : [`${unused} judgements by hand fit no check any more; they are kept.`]),
  ];
}

const round = (value: number): number => Math.round(value * 1_000) / 1_000;
