import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Image, imagePath } from "@ringside/image";
import { MACHINE_FILE, MACHINES_FOLDER, machineFileSchema, type Session } from "@ringside/shared";
import { type Api, createApi, waitForSession } from "../api/calls.ts";
import type { TemporaryBox } from "../box/temporary-box.ts";
import { CliError } from "../exit-codes.ts";
import { BENCH_STEP_MS } from "../limits.ts";

/** What the suites measure on: a box with a course, and an image's addresses. */
const COURSE = "bench";
const POLL_MS = 100;
export const LAB = "net-listen";

export interface Place {
  readonly temporary: TemporaryBox;
  readonly image: Image;
  readonly students: readonly { readonly api: Api; readonly token: string }[];
  /** Where `break sys_listen` of a scripted client goes, in hex. */
  readonly listenAddress: string;
}

/** Sets up the course with `count` students and these labs. */
export async function preparePlace(
  temporary: TemporaryBox,
  image: Image,
  count: number,
  signal: AbortSignal,
  labs: readonly string[] = [LAB],
): Promise<Place> {
  const { url, adminToken } = temporary.box;
  const admin = createApi({ url, token: adminToken, signal });
  await admin.createCourse(COURSE, "Bench");
  for (const lab of labs) await admin.offerLab(COURSE, lab);
  const added = await admin.addMembers(
    COURSE,
    Array.from({ length: count }, (_, n) => ({ name: `Bench ${n}`, studentNumber: `B${n}`, role: "student" as const })),
  );
  const students = added.map(({ token }) => {
    if (token === null) throw new CliError("failed", "The server gave no token");
    return { token, api: createApi({ url, token, signal }) };
  });
  return { temporary, image, students, listenAddress: await symbolAddress(image, "__sys_listen") };
}

/** A ready session of the student. */
export async function readySession(api: Api, lab = LAB): Promise<Session> {
  const session = await waitForSession(api, (await api.startSession(lab, COURSE, randomUUID())).id, () => undefined);
  if (session.state === "ready") return session;
  throw new CliError("failed", `The session is ${session.state}: ${session.message ?? session.reason}`);
}

/** A symbol's address in hex. @throws CliError where the image has none of that name */
export async function symbolAddress(image: Image, name: string): Promise<string> {
  const map = await readFile(imagePath(image, "symbols"), "utf8");
  const address = new RegExp(`^([0-9a-f]+) [a-zA-Z] ${name}$`, "m").exec(map)?.[1];
  if (address === undefined) throw new CliError("failed", `The image has no symbol ${name}`);
  return address;
}

/** The QEMU processes of the box's machines, by session. */
export async function machinePids(temporary: TemporaryBox): Promise<Map<string, number>> {
  const folder = join(temporary.folder.run, MACHINES_FOLDER);
  const pids = new Map<string, number>();
  for (const name of await readdir(folder)) {
    const text = await readFile(join(folder, name, MACHINE_FILE), "utf8").catch(() => undefined);
    if (text === undefined) continue;
    const machine = machineFileSchema.parse(JSON.parse(text));
    pids.set(machine.session, machine.pid);
  }
  return pids;
}

/** Memory of a process that is its own: anonymous pages, private copies included. In MiB. */
export async function anonymousMib(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  const kib = /^Anonymous:\s+(\d+) kB$/m.exec(rollup)?.[1];
  if (kib === undefined) throw new CliError("failed", `The memory of process ${pid} cannot be read`);
  return Number(kib) / 1024;
}

/** Waits until so many machines are prewarmed. */
export async function poolFull({ temporary }: Place, count: number, signal: AbortSignal): Promise<void> {
  const { url, adminToken } = temporary.box;
  const admin = createApi({ url, token: adminToken, signal });
  for (const deadline = Date.now() + BENCH_STEP_MS; Date.now() < deadline; await sleep(POLL_MS)) {
    const cells = await admin.cells();
    if (cells.some(({ runner }) => (runner?.load.pool.ready ?? 0) >= count)) return;
  }
  throw new CliError("failed", `The pool did not fill up to ${count} in ${BENCH_STEP_MS / 1_000} s`);
}
