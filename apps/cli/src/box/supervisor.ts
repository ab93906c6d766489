import { setTimeout as sleep } from "node:timers/promises";
import {
  RESTART_DELAY_MS,
  RESTART_DELAY_MS_MAX,
  RESTART_HEALTHY_MS,
  RESTARTS_MAX,
  RESTARTS_WINDOW_MS,
} from "../limits.ts";
import type { Child } from "../processes/child.ts";

/**
 * Keeps the parts of a box running. A part is a child process that serves once it is ready.
 *
 *   starting → running → (it ended) waiting → starting …      stopped: by us      given up: died too often
 *
 * Parts are started in order, each one when those before it serve, and ended in the opposite order.
 * A part that dies is started again after a delay that doubles; one that dies RESTARTS_MAX times within
 * RESTARTS_WINDOW_MS makes the whole supervisor give up, since whoever watches it should know.
 */
export interface Part {
  readonly name: string;
  /** Starts the process and resolves when it serves. */
  readonly start: (signal: AbortSignal) => Promise<Child>;
  readonly stopSignal: NodeJS.Signals;
  readonly stopMs: number;
}

export interface PartEvent {
  readonly part: string;
  readonly what: "ready" | "ended" | "restart" | "start_failed" | "stopped";
  readonly detail: string;
}

export interface SupervisorOptions {
  readonly parts: readonly Part[];
  readonly onEvent: (event: PartEvent) => void;
  readonly restartsMax?: number;
  readonly restartDelayMs?: number;
}

type State =
  | { readonly kind: "starting" }
  | { readonly kind: "running"; readonly child: Child }
  | { readonly kind: "waiting" }
  | { readonly kind: "stopped" };

class SupervisedPart {
  readonly part: Part;
  readonly #options: SupervisorOptions;
  readonly #giveUp: (reason: Error) => void;
  readonly #stopping = new AbortController();
  #state: State = { kind: "stopped" };
  #restarts: number[] = [];
  #loop: Promise<void> = Promise.resolve();

  constructor(part: Part, options: SupervisorOptions, giveUp: (reason: Error) => void) {
    this.part = part;
    this.#options = options;
    this.#giveUp = giveUp;
  }

  get state(): State["kind"] {
    return this.#state.kind;
  }

  get pid(): number | undefined {
    return this.#state.kind === "running" ? this.#state.child.pid : undefined;
  }

  /** The first start: it fails rather than tries again. */
  async start(signal: AbortSignal): Promise<void> {
    const child = await this.#startOnce(signal);
    this.#loop = this.#keepRunning(child);
  }

  async #startOnce(signal: AbortSignal): Promise<Child> {
    this.#state = { kind: "starting" };
    try {
      const child = await this.part.start(signal);
      this.#state = { kind: "running", child };
      this.#tell("ready", `pid ${child.pid}`);
      return child;
    } catch (cause) {
      this.#state = { kind: "stopped" };
      throw cause;
    }
  }

  async #keepRunning(first: Child): Promise<void> {
    let child: Child | undefined = first;
    let delayMs = this.#options.restartDelayMs ?? RESTART_DELAY_MS;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const startedAt = Date.now();
      if (child) {
        const { code, signal: killedBy } = await child.exited;
        if (signal.aborted) break;
        this.#tell("ended", killedBy ? `killed by ${killedBy}` : `exit code ${code}`);
        if (Date.now() - startedAt >= RESTART_HEALTHY_MS) delayMs = this.#options.restartDelayMs ?? RESTART_DELAY_MS;
      }
      if (!this.#mayRestart()) return;
      this.#state = { kind: "waiting" };
      await sleep(delayMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) break;
      delayMs = Math.min(delayMs * 2, RESTART_DELAY_MS_MAX);
      this.#tell("restart", `attempt ${this.#restarts.length} of at most ${this.#restartsMax()}`);
      child = await this.#startOnce(signal).catch((cause: unknown) => {
        this.#tell("start_failed", cause instanceof Error ? cause.message : String(cause));
        return undefined;
      });
    }
  }

  #restartsMax(): number {
    return this.#options.restartsMax ?? RESTARTS_MAX;
  }

  #mayRestart(): boolean {
    const now = Date.now();
    this.#restarts = this.#restarts.filter((at) => now - at < RESTARTS_WINDOW_MS);
    this.#restarts.push(now);
    if (this.#restarts.length <= this.#restartsMax()) return true;
    this.#state = { kind: "stopped" };
    this.#giveUp(new Error(`${this.part.name} died ${this.#restarts.length} times in a short while: see its log`));
    return false;
  }

  /** From now on it is not started again. */
  endRestarts(): void {
    this.#stopping.abort();
  }

  async stop(hurry: AbortSignal): Promise<void> {
    this.endRestarts();
    const state = this.#state;
    if (state.kind === "running") {
      const hurryUp = () => state.child.kill("SIGKILL");
      hurry.addEventListener("abort", hurryUp);
      await state.child.stop(hurry.aborted ? "SIGKILL" : this.part.stopSignal, this.part.stopMs);
      hurry.removeEventListener("abort", hurryUp);
    }
    await this.#loop;
    // A start that was under way may have come through just now.
    if (this.#state.kind === "running") await this.#state.child.stop("SIGKILL", 0);
    this.#state = { kind: "stopped" };
    this.#tell("stopped", "");
  }

  #tell(what: PartEvent["what"], detail: string): void {
    this.#options.onEvent({ part: this.part.name, what, detail });
  }
}

export class Supervisor implements AsyncDisposable {
  readonly #parts: readonly SupervisedPart[];
  readonly #hurry = new AbortController();
  readonly #gaveUp = Promise.withResolvers<Error>();
  #stopped: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    this.#parts = options.parts.map((part) => new SupervisedPart(part, options, this.#gaveUp.resolve));
  }

  /** Waits until the signal comes; or, with the reason, until a part has died too often. */
  async untilEnd(signal: AbortSignal): Promise<Error | undefined> {
    const { promise: asked, resolve: ask } = Promise.withResolvers<undefined>();
    const onAbort = () => ask(undefined);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    const gaveUp = await Promise.race([asked, this.#gaveUp.promise]);
    signal.removeEventListener("abort", onAbort);
    return gaveUp;
  }

  /**
   * Starts all parts in order.
   * @throws the error of the first part that does not start; those before it are ended again
   */
  async start(signal: AbortSignal): Promise<void> {
    try {
      for (const part of this.#parts) {
        signal.throwIfAborted();
        await part.start(signal);
      }
    } catch (cause) {
      await this.stop();
      throw cause;
    }
  }

  /** State and pid of each part. */
  report(): readonly { readonly name: string; readonly state: string; readonly pid: number | undefined }[] {
    return this.#parts.map((part) => ({ name: part.part.name, state: part.state, pid: part.pid }));
  }

  /** From now on parts are ended by SIGKILL. */
  hurry(): void {
    this.#hurry.abort();
  }

  /** Ends all parts, the last one first. A second call waits for the first. */
  stop(): Promise<void> {
    this.#stopped ??= (async () => {
      for (const part of this.#parts) part.endRestarts();
      for (const part of this.#parts.toReversed()) await part.stop(this.#hurry.signal);
    })();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
