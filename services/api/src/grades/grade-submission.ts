import { functionAliases, imagePath, programPath, structuresPath } from "@ringside/image";
import { gradeResultSchema, parametersSchema, RingsideError } from "@ringside/shared";
import type { SealKeys } from "../cells/seal-keys.ts";
import type { Database } from "../database/database.ts";
import { isUniqueViolation } from "../database/outage.ts";
import type { Prisma } from "../generated/client.ts";
import type { ImageShelf } from "../images/image-shelf.ts";
import type { LabFolder } from "../labs/lab-folder.ts";
import { answersToGrade } from "../submissions/answers.ts";
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
  readonly sealKeys: SealKeys;
  readonly grader: Grader;
  readonly onGraded: (submission: string) => void;
}

const FIRST_VERSION = 1;

/** @throws RingsideError image_missing, lab_invalid, trace_damaged: somebody can mend it, then the job succeeds */
export async function gradeSubmission(options: GradeOptions, id: string, signal: AbortSignal): Promise<void> {
  const { database } = options;
  const submission = await database.submission.findUnique({
    where: { id },
    include: { ...gradeInputInclude, grades: { take: 1 } },
  });
  if (submission === null) {
    throw new RingsideError("not_found", { message: `There is no submission ${id}` });
  }
  if (submission.grades.length > 0) {
    options.onGraded(id);
    return;
  }
  const { rubric } = await options.labs.load(submission.lab);
  const input = await gradeInputOf(options, submission, rubric);
  await writeGrade(database, id, await options.grader(input, signal));
  options.onGraded(id);
}

/** What of a submission's row a grade is made from. */
export const gradeInputInclude = {
  session: { select: { parameters: true, cell: true, answers: true } },
} as const satisfies Prisma.SubmissionInclude;
type GradedRow = Prisma.SubmissionGetPayload<{ include: typeof gradeInputInclude }>;

/** Everything that a submission's grade is made from: with the same rubric, the same each time. */
export async function gradeInputOf(
  options: Pick<GradeOptions, "labs" | "images" | "traces" | "sealKeys">,
  submission: GradedRow,
  rubric: GradeInput["rubric"],
): Promise<GradeInput> {
  const { sessionId, lab, image, session, signatureWanted, createdAt, traceDigest } = submission;
  const input = await gradeInputFor(options, { ...session, id: sessionId, lab, image }, rubric);
  const sealKeys = signatureWanted ? await options.sealKeys.of(session.cell, createdAt) : "unchecked";
  return {
    ...input,
    trace: options.traces.path(traceDigest),
    traceDigest,
    expected: { ...input.expected, sealKeys },
  };
}

/** What a session is graded with, its recording and its cell's keys apart. */
export async function gradeInputFor(
  options: Pick<GradeOptions, "labs" | "images">,
  session: GradedRow["session"] & { readonly id: string; readonly lab: string; readonly image: string },
  rubric: GradeInput["rubric"],
): Promise<Omit<GradeInput, "trace" | "traceDigest">> {
  const image = await options.images.need(session.image);
  const { file: lab } = await options.labs.load(session.lab);
  return {
    symbols: imagePath(image, "symbols"),
    functions: imagePath(image, "functions"),
    structures: structuresPath(image),
    program: programPath(image, lab.program),
    aliases: functionAliases(image.manifest),
    rubric: { file: rubric.file, text: rubric.text, digest: rubric.digest },
    answers: answersToGrade(session.answers),
    expected: {
      session: session.id,
      lab: session.lab,
      image: session.image,
      parameters: parametersSchema.parse(session.parameters),
      sealKeys: "unchecked",
    },
  };
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
