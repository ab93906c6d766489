import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { findImage, type Image, imagePath, loadImage } from "@ringside/image";
import { type FunctionRow, newId, type StructureRow } from "@ringside/shared";
import { longSession } from "../../packages/grading/src/testing/long-session.ts";
import { FUNCTIONS, STRUCTURES, SYSTEM_MAP } from "../../packages/grading/src/testing/scenario.ts";
import type { Bed } from "../../services/api/src/testing/bed.ts";

/** Submissions as if students had handed them in: rows in the database, recordings in the store. */

const IMAGE = "linux-x86_64";
const ROWS_AT_ONCE = 50;

export interface HandedIn {
  /** Of all recordings together. */
  readonly events: number;
  readonly bytes: number;
  readonly fewestEvents: number;
}

/** The tables of the built image, with the functions and structures that the recordings speak of in their places. */
export async function realisticTables(cacheDir: string) {
  const folder = await findImage(cacheDir, IMAGE);
  if (folder === null) throw new Error(`The image ${IMAGE} is not built: \`ringside image build ${IMAGE}\``);
  const image = await loadImage(folder);
  const read = (key: "symbols" | "functions") => readFile(imagePath(image, key), "utf8");
  const own = new Set(SYSTEM_MAP.split("\n").map((line) => line.split(" ")[2]));
  const others = (await read("symbols")).split("\n").filter((line) => !own.has(line.split(" ")[2]));
  return {
    symbols: [...others.filter((line) => line !== ""), SYSTEM_MAP].join("\n"),
    functions: merged<FunctionRow>(await read("functions"), FUNCTIONS),
    structures: merged<StructureRow>(await structuresOf(image), STRUCTURES),
  };
}

async function structuresOf({ folder, manifest }: Image): Promise<string> {
  const file = manifest.files.structures;
  return file === undefined ? "[]" : readFile(join(folder, file.path), "utf8");
}

function merged<T extends { readonly name: string }>(text: string, own: readonly T[]): string {
  const names = new Set(own.map(({ name }) => name));
  const others = (JSON.parse(text) as readonly T[]).filter(({ name }) => !names.has(name));
  return JSON.stringify([...others, ...own]);
}

/** Writes so many submissions, each of a student of its own. */
export async function handIn(
  bed: Bed,
  wanted: { readonly course: string; readonly lab: string; readonly count: number; readonly events: number },
): Promise<HandedIn> {
  let [events, bytes, fewestEvents] = [0, 0, Number.POSITIVE_INFINITY];
  for (let from = 0; from < wanted.count; from += ROWS_AT_ONCE) {
    const students = Array.from({ length: Math.min(ROWS_AT_ONCE, wanted.count - from) }, (_, index) => from + index);
    const made = students.map((student) => oneStudent(bed, wanted, student));
    const { database, traces } = bed.api.core;
    await database.user.createMany({ data: made.map(({ user }) => user) });
    await database.membership.createMany({
      data: made.map(({ user }) => ({ courseId: wanted.course, userId: user.id, role: "student" })),
    });
    await database.session.createMany({ data: made.map(({ session }) => session) });
    for (const { submission, trace } of made) {
      const path = traces.path(submission.traceDigest);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, trace);
      events += submission.traceEvents;
      bytes += submission.traceBytes;
      fewestEvents = Math.min(fewestEvents, submission.traceEvents);
    }
    await database.submission.createMany({ data: made.map(({ submission }) => submission) });
  }
  return { events, bytes, fewestEvents };
}

function oneStudent(bed: Bed, wanted: Parameters<typeof handIn>[1], student: number) {
  const user = { id: newId("usr"), name: `Student ${student}`, studentNumber: `S${student}` };
  const parameters = { backlog: 3 + (student % 100), payload: "abcdefgh" };
  const ids = { session: newId("ses"), submission: newId("sub") };
  const image = bed.image.digest;
  const scenario = longSession(
    { events: wanted.events, student },
    { session: ids.session, user: user.id, lab: wanted.lab, image, parameters },
  );
  const { digest, head, events, bytes } = scenario.trace.seal().expectedSeal;
  const common = { userId: user.id, courseId: wanted.course, lab: wanted.lab, image };
  const now = new Date();
  return {
    user,
    trace: scenario.trace.bytes,
    session: {
      ...({ ...common, id: ids.session, state: "ended", reason: "submitted", cell: "cell-a", parameters } as const),
      ...{ memoryMib: 64, sessionMinutes: 30, notAfter: now, endsAt: now, endedAt: now },
    },
    submission: {
      ...{ ...common, id: ids.submission, sessionId: ids.session },
      ...{ traceDigest: digest, traceHead: head, traceEvents: events, traceBytes: bytes },
    },
  };
}
