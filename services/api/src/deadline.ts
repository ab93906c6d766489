import { setTimeout as sleep } from "node:timers/promises";

/**
 * Waits for `call` at most so many milliseconds. What it still does afterwards goes on unseen, so it must be
 * something that may happen late or twice.
 * @throws Error(message) after the deadline
 */
export async function withDeadline<T>(ms: number, message: string, call: () => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const late = sleep(ms, undefined, { signal: abort.signal }).then(() => {
    throw new Error(message);
  });
  try {
    return await Promise.race([call(), late]);
  } finally {
    abort.abort();
    late.catch(() => undefined);
  }
}

/** Sleeps until the time is over or the signal comes, whichever is first; never rejects. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

/**
 * Runs `step` again and again with a pause between, until it is disposed of, which waits for the step under way.
 * A step that fails is told to `onError` and tried again at its next turn.
 */
export function repeat(everyMs: number, step: () => Promise<void>, onError: (error: unknown) => void): AsyncDisposable {
  const stop = new AbortController();
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      try {
        await step();
      } catch (error) {
        onError(error);
      }
      await pause(everyMs, stop.signal);
    }
  };
  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
