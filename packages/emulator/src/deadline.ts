import { type ErrorCode, RingsideError } from "@ringside/shared";

/** How long to wait for something of the outside world, and what may call it off earlier. */
export interface Patience {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits for `work`, but no longer than the patience lasts. The work itself is not stopped: the caller ends its source.
 * @throws RingsideError with `code` when time is up; the signal's reason when it aborts; what `work` throws
 */
export function within<T>(work: Promise<T>, patience: Patience, what: string, code: ErrorCode = "timeout"): Promise<T> {
  const { timeoutMs, signal } = patience;
  return new Promise<T>((resolve, reject) => {
    const aborted = (): void => settle(() => reject(signal?.reason));
    const timer = setTimeout(
      () => settle(() => reject(new RingsideError(code, { message: `${what}: no answer in ${timeoutMs} ms` }))),
      timeoutMs,
    );
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
      finish();
    };
    work.then(
      (value) => settle(() => resolve(value)),
      (error) => settle(() => reject(error)),
    );
    if (signal?.aborted) aborted();
    else signal?.addEventListener("abort", aborted, { once: true });
  });
}
