import { setTimeout as sleep } from "node:timers/promises";

/** Something that is done again and again until it is disposed of, never twice at the same time. */
export interface Repetition extends AsyncDisposable {
  readonly done: Promise<void>;
}

/**
 * Does `work` now and then `intervalMs` after it has finished, until disposed of.
 * @param onError hears what one round threw; the next comes all the same
 */
export function every(intervalMs: number, work: () => Promise<unknown>, onError: (error: unknown) => void): Repetition {
  const closing = new AbortController();
  const loop = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      await work().catch(onError);
      await sleep(intervalMs, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  };
  const done = loop();
  return {
    done,
    async [Symbol.asyncDispose]() {
      closing.abort();
      await done;
    },
  };
}
