import type { Submission } from "@ringside/shared";
import { table } from "../output/table.ts";
import type { LessonResult } from "./lesson.ts";

export interface DemoResult {
  readonly lessons: readonly LessonResult[];
  /** In the order of the lessons. */
  readonly submissions: readonly Submission[];
  readonly seconds: {
    readonly box: number;
    readonly sessions: number;
    readonly lessons: number;
    readonly grades: number;
  };
}

/** The demo's table: who stopped where, and what it was worth. */
export function gradesText({ lessons, submissions }: DemoResult): string {
  const rows = lessons.map((lesson, index) => {
    const grade = submissions[index]?.grade;
    const evidence = grade?.verdicts.flatMap((verdict) => verdict.evidence) ?? [];
    return [
      lesson.student.name,
      lesson.student.way,
      lesson.how ?? "",
      `${lesson.readyMs.toFixed(0)} ms`,
      lesson.stop?.where ?? "never",
      lesson.stop === undefined ? "" : String(lesson.stop.backlog),
      String(lesson.parameters.backlog ?? ""),
      lesson.stopMs === undefined ? "" : `${lesson.stopMs.toFixed(0)} ms`,
      grade?.outcome === "graded" ? `${grade.points}/${grade.pointsMax}` : (grade?.outcome ?? "none"),
      [...new Set(evidence)].sort((a, b) => a - b).join(","),
    ];
  });
  return table(
    [
      "student",
      "via",
      "from",
      "ready",
      "stopped in",
      "backlog",
      "own value",
      "replyhi→stop",
      "points",
      "evidence (events)",
    ],
    rows,
  );
}

/** The reasons of every point that was not earned, and the times. */
export function resultText(result: DemoResult): string {
  const lost = result.lessons.flatMap(({ student }, index) =>
    (result.submissions[index]?.grade?.verdicts ?? [])
      .filter((verdict) => verdict.points < verdict.pointsMax)
      .map(
        (verdict) => `  ${student.name}: ${verdict.check} ${verdict.points}/${verdict.pointsMax}: ${verdict.reason.en}`,
      ),
  );
  const { box, sessions, lessons, grades } = result.seconds;
  const times = [
    `box up ${box.toFixed(1)} s`,
    `course and ${result.lessons.length} machines ${sessions.toFixed(2)} s`,
    `debugging ${lessons.toFixed(1)} s`,
    `handing in and grading ${grades.toFixed(2)} s`,
  ];
  return [...(lost.length > 0 ? ["Points not earned:", ...lost, ""] : []), `Times: ${times.join(", ")}`].join("\n");
}

/** The result as a value for --json. */
export function resultValue(result: DemoResult) {
  return {
    seconds: result.seconds,
    students: result.lessons.map(({ student, session, parameters, readyMs, startMs, how, stop, stopMs }, index) => ({
      name: student.name,
      number: student.number,
      way: student.way,
      goal: student.goal,
      session,
      parameters,
      readyMs,
      startMs,
      how,
      stop: stop ?? null,
      stopMs: stopMs ?? null,
      submission: result.submissions[index] ?? null,
    })),
  };
}
