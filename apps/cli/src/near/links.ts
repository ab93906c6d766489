import { setTimeout as sleep } from "node:timers/promises";
import { CliError } from "../exit-codes.ts";
import { RECONNECT_DELAY_MS, SPARE_DELAY_MS_MAX } from "../limits.ts";
import { Link, type LinkTarget } from "./link.ts";

/**
 * The links of one session: one is held open before any gdb comes, so that attaching costs no set-up, and serves one
 * gdb after another. Further gdbs at the same time get links of their own.
 */
export class Links implements AsyncDisposable {
  readonly #target: LinkTarget;
  readonly #ending = new AbortController();
  readonly #signal: AbortSignal;
  #spare: Link | null = null;
  #watching: Promise<void> = Promise.resolve();
  #opening: Promise<void> = Promise.resolve();

  constructor(target: LinkTarget, signal: AbortSignal) {
    this.#target = target;
    this.#signal = AbortSignal.any([signal, this.#ending.signal]);
  }

  /**
   * Opens the first link. Where that may go better in a while, further tries follow.
   * @returns it, for its hello and round trip; it is the spare
   * @throws CliError with why not; LinkUnknown
   */
  async start(): Promise<Link> {
    try {
      const link = await Link.open(this.#target, this.#signal);
      this.give(link);
      return link;
    } catch (cause) {
      if (isPassing(cause) && !this.#signal.aborted) this.#watching = this.#reopen();
      throw cause;
    }
  }

  /** The spare one, or a new one. @throws CliError; LinkUnknown */
  async take(signal: AbortSignal): Promise<Link> {
    // One that is being opened may well be there first.
    if (this.#spare === null) await this.#opening;
    const spare = this.#spare;
    this.#spare = null;
    if (spare?.isOpen) return spare;
    return await Link.open(this.#target, AbortSignal.any([signal, this.#signal]));
  }

  /** Gives back a link whose gdb has left. */
  give(link: Link): void {
    link.serve(null);
    if (this.#spare?.isOpen || !link.isOpen || this.#signal.aborted) {
      link.close();
      return;
    }
    this.#spare = link;
    link.serve({
      received: () => undefined,
      closed: () => {
        if (this.#spare !== link) return;
        this.#spare = null;
        this.#watching = this.#reopen();
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    this.#spare?.close();
    await this.#watching;
  }

  /** Until there is a spare again, or the cell says that there will be none. */
  async #reopen(): Promise<void> {
    for (let delay = RECONNECT_DELAY_MS; this.#spare === null; delay = Math.min(2 * delay, SPARE_DELAY_MS_MAX)) {
      try {
        await sleep(delay, undefined, { signal: this.#signal, ref: false });
        const opened = Link.open(this.#target, this.#signal);
        this.#opening = opened.then(
          (link) => this.give(link),
          () => undefined,
        );
        await opened;
        await this.#opening;
        return;
      } catch (cause) {
        // gdb will be told when it comes.
        if (this.#signal.aborted || !isPassing(cause)) return;
      }
    }
  }
}

/** Whether it may go better in a while. */
export function isPassing(cause: unknown): boolean {
  return cause instanceof CliError && cause.exit === "try_later";
}
