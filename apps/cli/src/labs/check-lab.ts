import { labOracle } from "@ringside/grading";
import type { Image } from "@ringside/image";
import type { LabOracle } from "@ringside/shared";
import { verifyTrace } from "@ringside/trace";
import { createApi } from "../api/calls.ts";
import { localDebugFiles } from "../api/debug-file.ts";
import { startTemporaryBox } from "../box/temporary-box.ts";
import { type Context, note } from "../context.ts";
import { childEnvironment } from "../environment.ts";
import { CliError } from "../exit-codes.ts";
import { readImageTables } from "./image-tables.ts";
import type { LabFiles } from "./lab-files.ts";
import { type LabRun, runLabScript } from "./run-lab.ts";

const COURSE = "check";
const SLOTS = 2;

export interface CheckOptions {
  readonly labsFolder: string;
  readonly files: LabFiles;
  readonly image: Image;
  readonly way: "tcp" | "near";
  /** Parameters may come from it. */
  readonly studentNumber: string;
  readonly onLine: (line: string) => void;
}

export interface CheckedLab {
  readonly run: LabRun;
  readonly oracle: LabOracle;
}

/**
 * Does a lab by its model solution on a real machine, in a box of its own that goes when it is done.
 * @throws CliError where the machine does not get ready, gdb does not come to an end, or no grade comes
 */
export async function checkLab(context: Context, options: CheckOptions): Promise<CheckedLab> {
  const { files, image, labsFolder: labs } = options;
  const { signal } = context;
  await using temporary = await startTemporaryBox(context, {
    ...{ slots: SLOTS, labs, signal },
    warmImages: files.file.machine.start === "prompt" ? [image.manifest.name] : [],
    onEvent: ({ part, what, detail }) => {
      if (what !== "ready" && what !== "stopped") note(context, `${part}: ${what} ${detail}`);
    },
  });
  const { url, adminToken } = temporary.box;
  const token = await enrol(url, adminToken, options, signal);
  const api = createApi({ url, token, signal });
  const run = await runLabScript({
    ...{ repoRoot: context.repoRoot, api, token, course: COURSE, lab: files.lab, way: options.way, signal },
    files: () => localDebugFiles(context, image),
    script: files.reference,
    env: childEnvironment(context.environment),
    onLine: options.onLine,
  });
  const response = await api.submissionTrace(run.submission.id);
  if (response.body === null) throw new CliError("failed", "The server sent no recording");
  return { run, oracle: await oracleOf(options, run, await verifyTrace(response.body)) };
}

async function enrol(url: string, adminToken: string, options: CheckOptions, signal: AbortSignal): Promise<string> {
  const admin = createApi({ url, token: adminToken, signal });
  await admin.createCourse(COURSE, "Check of a lab");
  await admin.offerLab(COURSE, options.files.lab);
  const member = { name: "Model solution", studentNumber: options.studentNumber, role: "student" } as const;
  const [added] = await admin.addMembers(COURSE, [member]);
  if (!added?.token) throw new CliError("failed", "The server gave no token");
  return added.token;
}

async function oracleOf(
  { files, image }: CheckOptions,
  { session }: LabRun,
  { events }: Awaited<ReturnType<typeof verifyTrace>>,
): Promise<LabOracle> {
  const { name, digest, arch, kernelRelease } = image.manifest;
  if (session.image !== digest) {
    throw new CliError("failed", `The session ran the image ${session.image}, which was built meanwhile: try again`);
  }
  return labOracle({
    lab: files.lab,
    labDigest: files.digest,
    image: { name, digest, arch, kernelRelease },
    parameters: session.parameters,
    rubric: files.rubric,
    events,
    ...(await readImageTables(image, files.file.program)),
  });
}
