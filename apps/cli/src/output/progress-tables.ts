import type { Bilingual, LabProgress, Progress, Timeline } from "@ringside/shared";
import { table } from "./table.ts";

type Language = keyof Bilingual;

/** Each student with the last check that was met, for how long, and what comes next. */
export function stuckTable({ rows }: LabProgress, language: Language): string {
  const lines = rows.map(({ studentNumber, name, progress, minutes }) => {
    const who = [studentNumber ?? "", name];
    if (progress === null) return [...who, "no session", "", "", "", ""];
    const { state, from, why, last, next, points, pointsMax } = progress;
    const where = from === "submission" ? "handed in" : state;
    if (from === "none" || progress.outcome === "ungradable") return [...who, where, "", "", "", why ?? ""];
    const reached = [last?.check ?? "nothing yet", minutes === null ? "" : minutesWords(minutes)];
    return [...who, where, `${points}/${pointsMax}`, ...reached, nextWords(next, language)];
  });
  return table(["number", "name", "session", "points", "last check met", "since", "next"], lines);
}

function nextWords(next: Progress["next"], language: Language): string {
  if (next === null) return "all checks are met";
  return next.hint === null ? next.check : `${next.check}: ${next.hint[language]}`;
}

const HOUR_MINUTES = 60;

function minutesWords(minutes: number): string {
  return minutes < HOUR_MINUTES ? `${Math.round(minutes)} min` : `${(minutes / HOUR_MINUTES).toFixed(1)} h`;
}

/** A student's sessions, each with the checks in the order in which they were met; then where each was met first. */
export function timelineText({ name, studentNumber, sessions, firsts }: Timeline, language: Language): string {
  const who = studentNumber === null ? name : `${name} (${studentNumber})`;
  if (sessions.length === 0) return `${who} has no session of this lab.`;
  const firstRows = firsts.map(({ check, title, session, event, at }) => [
    ...[check, at ?? "", event === null ? "" : String(event)],
    ...[session ?? "not met", title[language]],
  ]);
  return [
    who,
    ...sessions.map((session) => `\n${sessionText(session, language)}`),
    `\nFirst met:\n${table(["check", "when", "event", "session", "title"], firstRows)}`,
  ].join("\n");
}

function sessionText(progress: Progress, language: Language): string {
  const { session, state, submission, createdAt, from, why, events, points, pointsMax } = progress;
  const head = `${session}  ${createdAt}  ${submission === null ? state : `handed in as ${submission}`}`;
  if (from === "none") return `${head}: ${why ?? ""}`;
  if (progress.outcome === "ungradable") return `${head}: not gradable: ${why ?? ""}`;
  const byTime = progress.milestones.toSorted((a, b) => (a.event ?? LAST) - (b.event ?? LAST));
  const rows = byTime.map(({ check, verdict, points: got, pointsMax: most, event, at, reason }) => [
    ...[at ?? "", event === null ? "" : String(event), check, verdict.replace("_", " "), `${got}/${most}`],
    reason[language],
  ]);
  const lines = table(["when", "event", "check", "verdict", "points", "reason"], rows);
  return `${head}, ${points} of ${pointsMax} points, ${events} events\n${lines}`;
}

const LAST = Number.MAX_SAFE_INTEGER;
