import path from "node:path";
import { debugFiles } from "../../../apps/cli/src/api/debug-file.ts";
import { childEnvironment } from "../../../apps/cli/src/environment.ts";
import { type LabRun, referenceScript, runLabScript } from "../../../apps/cli/src/labs/run-lab.ts";
import { localImage } from "../../../apps/cli/src/setup/image.ts";
import { repoRoot } from "../../support/repo-root.ts";
import { startTestBox, student, type TestBox, testContext } from "../../support/test-box.ts";

/** Labs done by a scripted student, on a real machine with a real gdb. */
export const COURSE_LABS = path.join(repoRoot, "course/labs");
/** The course of `startTestBox`. */
const COURSE = "bench";

/** A box that offers these labs of the course, or of another folder of labs. */
export async function startLabBed(options: {
  readonly labs: readonly string[];
  /** Names of the labs' images beside the first, which are built already. */
  readonly images?: readonly string[];
  readonly students?: number;
  readonly folder?: string;
}): Promise<TestBox> {
  const { labs: offers, images = [], students = 1, folder = COURSE_LABS } = options;
  const context = testContext(new AbortController().signal);
  for (const name of images) {
    if (!(await localImage(context, name))) {
      throw new Error(`the image ${name} is not built: run ./ringside image build --name ${name}`);
    }
  }
  return await startTestBox(students, { labs: { folder, offers }, images });
}

/**
 * Does a lab once: a session, gdb with the lab's model solution (or another script), the submission and its grade.
 * A student has one session at a time: runs of one student go one after the other.
 * @param options `way`: plain TCP, or `ringside connect`
 */
export async function runLab(
  box: TestBox,
  options: {
    readonly lab: string;
    readonly script?: string;
    readonly student?: number;
    readonly way?: "tcp" | "near";
  },
): Promise<LabRun> {
  const { lab, way = "tcp" } = options;
  const { api, token } = student(box, options.student ?? 0);
  return runLabScript({
    ...{ repoRoot, api, token, course: COURSE, lab, way },
    files: (session) => debugFiles(box.context, api, session),
    script: options.script ?? (await referenceScript(COURSE_LABS, lab)),
    env: childEnvironment(box.context.environment),
    signal: box.context.signal,
  });
}

/** The points of each check, by its id, such as `{ attached: 10, stopped: 25 }`. */
export function pointsOf({ grade }: LabRun): Readonly<Record<string, number>> {
  return Object.fromEntries(grade.verdicts.map(({ check, points }) => [check, points]));
}

/** The checks that did not earn all their points, with those that they have: empty for full marks. */
export function shortOf({ grade }: LabRun): Readonly<Record<string, number>> {
  const short = grade.verdicts.filter(({ points, pointsMax }) => points < pointsMax);
  return Object.fromEntries(short.map(({ check, points }) => [check, points]));
}

/** The same in words, with the reasons. */
export function missesOf({ grade }: LabRun): readonly string[] {
  const ungradable = grade.ungradable === null ? [] : [grade.ungradable.en];
  const missed = grade.verdicts.filter(({ points, pointsMax }) => points < pointsMax);
  return [
    ...ungradable,
    ...missed.map(({ check, points, pointsMax, reason }) => `${check} ${points}/${pointsMax}: ${reason.en}`),
  ];
}

/** The model solution with one piece of text replaced. @throws Error where it is not in there exactly once */
export function scriptWithout(script: string, piece: string, instead = ""): string {
  const parts = script.split(piece);
  if (parts.length !== 2) throw new Error(`${JSON.stringify(piece)} is in the script ${parts.length - 1} times`);
  return parts.join(instead);
}
