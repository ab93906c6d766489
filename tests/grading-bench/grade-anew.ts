import { readFile } from "node:fs/promises";
import type { Regrade } from "@ringside/shared";
import type { Call } from "../../services/api/src/testing/bed.ts";

export interface Timed {
  /** From the request until all are graded. */
  readonly readySeconds: number;
  /** Then, until all changes were read. */
  readonly changesSeconds: number;
  readonly applySeconds: number;
  /** CPU time of api and grading threads in all of it. */
  readonly cpuSeconds: number;
  /** Submissions that change. */
  readonly changed: number;
  readonly problems: number;
}

const WAIT_MS = 20_000;
const RUBRIC = new URL("../../course/labs/net-listen/rubric.yaml", import.meta.url);

/** Changes the rubric, grades all submissions by it, reads what changes, and applies it. */
export async function gradeAnew(call: Call, path: string, round: number): Promise<Timed> {
  const rubric = (await readFile(RUBRIC, "utf8")).replace("points: 10\n", `points: ${10 + round}\n`);
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const made = await need(call("POST", path, { body: { rubric } }), 202);
  let regrade: Regrade = made;
  while (regrade.state === "running") regrade = await need(call("GET", `${path}/${made.id}?wait_ms=${WAIT_MS}`), 200);
  const readyAt = performance.now();
  let read = 0;
  for (let after: string | null = ""; after !== null; ) {
    const page: { changes: unknown[]; next: string | null } = await need(
      call("GET", `${path}/${made.id}/changes${after === "" ? "" : `?after=${after}`}`),
      200,
    );
    read += page.changes.length;
    after = page.next;
  }
  if (read !== regrade.changed + regrade.problems) throw new Error(`${read} changes were read of ${regrade.changed}`);
  const readAt = performance.now();
  await need(call("POST", `${path}/${made.id}/apply`), 200);
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (from: number, to: number) => (to - from) / 1_000;
  return {
    readySeconds: seconds(startedAt, readyAt),
    changesSeconds: seconds(readyAt, readAt),
    applySeconds: seconds(readAt, performance.now()),
    cpuSeconds: (user + system) / 1e6,
    changed: regrade.changed,
    problems: regrade.problems,
  };
}

async function need(reply: ReturnType<Call>, status: number): Promise<Awaited<ReturnType<Call>>["body"]> {
  const got = await reply;
  if (got.status !== status) throw new Error(`expected ${status}, got ${got.status}: ${got.text}`);
  return got.body;
}
