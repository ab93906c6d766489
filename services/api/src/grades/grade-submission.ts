import { imagePath } from "@ringside/image";
import { gradeResultSchema, parametersSchema, RingsideError } from "@ringside/shared";
import type { Database } from "../database/database.ts";
import { isUniqueViolation } from "../database/outage.ts";
import type { ImageShelf } from "../images/image-shelf.ts";
import type { LabFolder } from "../labs/lab-folder.ts";
import type { TraceStore } from "../submissions/trace-store.ts";
import type { GradeInput, Grader } from "./grader.ts";

/**
 * The grade job. It may run any number of times for a submission and leaves one row: the first run's. The grader
 * is a pure function of trace, rubric and image, so a second run has nothing else to say.
 */
export interface GradeOptions {
  readonly database: Database;
  readonly labs: LabFolder;
  readonly images: ImageShelf;
  readonly traces: TraceStore;
  readonly grader: Grader;
  readonly onGraded: (submission: string) => void;
}

const FIRST_VERSION = 1;

/** @throws RingsideError image_missing, lab_invalid, trace_damaged: somebody can mend it, then the job succeeds */
export async function gradeSubmission(options: GradeOptions, id: string, signal: AbortSignal): Promise<void> {
  const { database } = options;
  const submission = await database.submission.findUnique({
    where: { id },
    include: { grades: { take: 1 }, session: { select: { parameters: true } } },
  });
  if (submission === null) {
    throw new RingsideError("not_found", { message: `There is no submission ${id}` });
  }
  if (submission.grades.length > 0) {
    options.onGraded(id);
    return;
  }
  const { rubric } = await options.labs.load(submission.lab);
  const image = await options.images.need(submission.image);
  const input: GradeInput = {
    trace: options.traces.path(submission.traceDigest),
    symbols: imagePath(image, "symbols"),
    functions: imagePath(image, "functions"),
    traceDigest: submission.traceDigest,
    rubric: { file: rubric.file, text: rubric.text, digest: rubric.digest },
    expected: {
      session: submission.sessionId,
      lab: submission.lab,
      image: submission.image,
      parameters: parametersSchema.parse(submission.session.parameters),
    },
  };
  await writeGrade(database, id, await options.grader(input, signal));
  options.onGraded(id);
}

async function writeGrade(database: Database, submissionId: string, text: string): Promise<void> {
  const result = gradeResultSchema.parse(JSON.parse(text));
  const { outcome, points, pointsMax, rubricDigest, traceDigest, graderVersion } = result;
  try {
    await database.grade.create({
      data: {
        submissionId,
        version: FIRST_VERSION,
        outcome,
        points,
        pointsMax,
        rubricDigest,
        traceDigest,
        graderVersion,
        result: text,
      },
    });
  } catch (error) {
    if (!isUniqueViolation(error)) {
      throw error;
    }
  }
}
