import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { GRADE_MEMORY_MIB_MAX, GRADE_TIMEOUT_MS } from "../limits.ts";
import type { Grader } from "./grader.ts";

/**
 * Grades in a thread of its own, with bounds on time and memory: a trace of the largest size takes seconds, in
 * which the api must go on answering, and none may take the api down.
 */
export const gradeInThread: Grader = async (input, signal) => {
  const worker = new Worker(new URL("./grade-thread.ts", import.meta.url), {
    workerData: input,
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: GRADE_MEMORY_MIB_MAX },
  });
  const until = AbortSignal.any([signal, AbortSignal.timeout(GRADE_TIMEOUT_MS)]);
  try {
    // An error in the thread rejects this as well.
    const [text] = await once(worker, "message", { signal: until });
    return String(text);
  } finally {
    await worker.terminate();
  }
};
