import { localDebugFiles } from "../api/debug-file.ts";
import { startTemporaryBox, type TemporaryBox } from "../box/temporary-box.ts";
import { type Context, note, print } from "../context.ts";
import { childEnvironment } from "../environment.ts";
import { CliError } from "../exit-codes.ts";
import { plain } from "../output/table.ts";
import { ensureEverything } from "../setup/ensure.ts";
import { attend, handIn } from "./lesson.ts";
import { Rendezvous } from "./rendezvous.ts";
import { type DemoResult, gradesText, resultText, resultValue } from "./report.ts";
import { DEMO_COURSE, enrol, provision, type Student } from "./students.ts";

/**
 * The demo: everything that Ringside is for, once, on this machine. Real services, real machines, real gdb.
 * Three students break in the kernel's listen at the same time, a fourth only attaches; all hand in.
 * @param keep leave the box running until Ctrl-C
 * @throws CliError where anything did not go as it must
 */
export async function runDemo(context: Context, keep: boolean, kernelSrc?: string): Promise<void> {
  const say = (line: string) => {
    if (!context.json()) print(context, line);
  };
  const [image] = await ensureEverything(context, kernelSrc);
  if (!image) throw new CliError("failed", "There is no image to boot");
  const files = await localDebugFiles(context, image);
  const clock = stopwatch();
  await using temporary = await startTemporaryBox(context, {
    slots: 8,
    warmImages: [image.manifest.name],
    signal: context.signal,
    onEvent: ({ part, what, detail }) => {
      if (what !== "ready" && what !== "stopped") note(context, `${part}: ${what} ${detail}`);
    },
  });
  const { box } = temporary;
  const boxSeconds = clock();
  say(`Box up in ${boxSeconds.toFixed(1)} s: ${box.url}`);

  const students = await enrol(box.url, box.adminToken, context.signal);
  const provisioned = await provision(students);
  const sessionSeconds = clock();
  for (const { student, session, readyMs } of provisioned) {
    say(`${student.name}: machine ready ${readyMs.toFixed(0)} ms after the request (${session.how}, ${student.way})`);
  }
  const listeners = students.filter((student) => student.goal === "listen").length;
  const [allRunning, allStopped] = [new Rendezvous(listeners), new Rendezvous(listeners)];
  const lessons = await together(context.signal, provisioned, (one, signal) =>
    attend(
      {
        repoRoot: context.repoRoot,
        env: childEnvironment(context.environment),
        url: box.url,
        files,
        signal,
        allRunning,
        allStopped,
        onLine: (student, line) => say(`${student.name.padEnd(5)}| ${plain(line.replaceAll("\t", "  "))}`),
      },
      one,
    ),
  );
  const lessonSeconds = clock();
  const submissions = await Promise.all(lessons.map((lesson) => handIn(lesson.student, lesson.session)));
  const result: DemoResult = {
    lessons,
    submissions,
    seconds: { box: boxSeconds, sessions: sessionSeconds, lessons: lessonSeconds, grades: clock() },
  };
  if (context.json()) print(context, JSON.stringify(resultValue(result), null, 2));
  else print(context, `\n${gradesText(result)}\n\n${resultText(result)}`);
  if (keep) await stayUp(context, temporary, students);
  assertAsItMust(result);
  say(
    "\nAll three stood in the kernel's listen at the same time and have full marks; the fourth, who never got there, has not.",
  );
}

/** Runs all at the same time. Where one fails, the others are ended, and have ended, before its error is thrown. */
async function together<T, R>(
  signal: AbortSignal,
  items: readonly T[],
  work: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const all = items.map((item) => work(item, either));
  for (const one of all) one.catch((cause) => failed.abort(cause));
  await Promise.allSettled(all);
  failed.signal.throwIfAborted();
  return Promise.all(all);
}

function assertAsItMust({ lessons, submissions }: DemoResult): void {
  const wrong = lessons.flatMap(({ student, stop, parameters }, index) => {
    const grade = submissions[index]?.grade;
    const full = grade?.outcome === "graded" && grade.pointsMax > 0 && grade.points === grade.pointsMax;
    if (student.goal === "attach") {
      return grade?.outcome === "graded" && !full ? [] : [`${student.name} should have fewer points than all`];
    }
    return [
      ...(stop?.backlog === parameters.backlog ? [] : [`${student.name}'s gdb did not show the student's own backlog`]),
      ...(full ? [] : [`${student.name} has ${grade?.points ?? "no"} of ${grade?.pointsMax ?? "?"} points`]),
    ];
  });
  if (wrong.length > 0) throw new CliError("failed", `The demo did not go as it must: ${wrong.join("; ")}`);
}

async function stayUp(context: Context, { box, folder }: TemporaryBox, students: readonly Student[]): Promise<void> {
  note(context, `\nThe box stays up at ${box.url} until Ctrl-C. Logs: ${folder.logs}`);
  note(context, `administrator: ${box.adminToken}`);
  for (const student of students) note(context, `${student.name} (course ${DEMO_COURSE}): ${student.token}`);
  const gaveUp = await box.supervisor.untilEnd(context.signal);
  if (gaveUp) throw gaveUp;
}

/** Gives the seconds since it was last asked. */
function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const seconds = (now - last) / 1000;
    last = now;
    return seconds;
  };
}
