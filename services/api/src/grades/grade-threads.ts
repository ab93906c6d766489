import { Worker } from "node:worker_threads";
import { Lane } from "../lane.ts";
import {
  GRADE_MEMORY_MIB_MAX,
  GRADE_THREAD_IDLE_MS,
  GRADE_THREADS_MAX,
  GRADE_TIMEOUT_MS,
  GRADES_WAITING_MAX,
} from "../limits.ts";
import type { GradedInThread } from "./grade-thread.ts";
import type { GradeInput, Grader } from "./grader.ts";

/**
 * Grades in threads of their own, with bounds on time and memory: a trace of the largest size takes seconds, in which
 * the api must go on answering, and none may take the api down. A thread keeps the tables of its last images, so
 * that a whole class is graded in the time that its traces take; it ends when nobody needs it for a while, and at
 * once with a grade that takes too long, too much memory, or is not wanted any more.
 */
export class GradeThreads implements AsyncDisposable {
  readonly #lane = new Lane(GRADE_THREADS_MAX, GRADES_WAITING_MAX);
  readonly #idle: { readonly worker: Worker; readonly timer: NodeJS.Timeout }[] = [];
  readonly #all = new Set<Worker>();
  #closed = false;

  /** Threads that are there. */
  get count(): number {
    return this.#all.size;
  }

  readonly grade: Grader = (input, signal) => this.#lane.run(() => this.#grade(input, signal));

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#all].map((worker) => this.#end(worker)));
  }

  async #grade(input: GradeInput, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    const worker = this.#take();
    try {
      const text = await answerOf(worker, input, AbortSignal.any([signal, AbortSignal.timeout(GRADE_TIMEOUT_MS)]));
      this.#keep(worker);
      return text;
    } catch (error) {
      await this.#end(worker);
      throw error;
    }
  }

  #take(): Worker {
    const idle = this.#idle.pop();
    if (idle !== undefined) {
      clearTimeout(idle.timer);
      idle.worker.ref();
      return idle.worker;
    }
    const worker = new Worker(new URL("./grade-thread.ts", import.meta.url), {
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: GRADE_MEMORY_MIB_MAX },
    });
    // An error while it is idle is followed by its exit; without a listener it would end the process.
    worker.on("error", () => undefined);
    worker.once("exit", () => this.#forget(worker));
    this.#all.add(worker);
    return worker;
  }

  #keep(worker: Worker): void {
    if (this.#closed) {
      void this.#end(worker);
      return;
    }
    worker.unref();
    const timer = setTimeout(() => void this.#end(worker), GRADE_THREAD_IDLE_MS);
    timer.unref();
    this.#idle.push({ worker, timer });
  }

  async #end(worker: Worker): Promise<void> {
    this.#forget(worker);
    await worker.terminate();
  }

  #forget(worker: Worker): void {
    this.#all.delete(worker);
    const index = this.#idle.findIndex((idle) => idle.worker === worker);
    if (index >= 0) {
      clearTimeout(this.#idle[index]?.timer);
      this.#idle.splice(index, 1);
    }
  }
}

/** @throws what the thread threw, the signal's reason, or that the thread is gone */
async function answerOf(worker: Worker, input: GradeInput, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const onMessage = (answer: GradedInThread): void => {
    if (answer.kind === "graded") {
      resolve(answer.text);
    } else {
      reject(new Error(answer.message));
    }
  };
  const onExit = (code: number): void => reject(new Error(`The grading thread ended with ${code}`));
  const onAbort = (): void => reject(signal.reason);
  worker.on("message", onMessage).on("error", reject).on("exit", onExit);
  signal.addEventListener("abort", onAbort);
  try {
    signal.throwIfAborted();
    worker.postMessage(input);
    return await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
    worker.off("message", onMessage).off("error", reject).off("exit", onExit);
  }
}
