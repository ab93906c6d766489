import {
  type EndReason,
  MACHINE_START_TIMEOUT_MS,
  machineFolder,
  type Report,
  RingsideError,
  type StartJob,
} from "@ringside/shared";
import type { Logger } from "pino";
import { type Failure, failureOfEnd, failureOfStart } from "./failure.ts";
import type { Leases } from "./lease.ts";
import type { StartedMachine, StartMachine } from "./machine-factory.ts";
import type { Metrics } from "./metrics.ts";
import type { ReportSink } from "./reports.ts";
import type { RunDirectory } from "./run-directory.ts";
import type { Slot } from "./slots.ts";

/** Who wants a machine's end. Only `ended` is told to the api: the others' sessions go on elsewhere. */
export type EndOrder =
  | { readonly kind: "ended"; readonly reason: EndReason }
  /** A newer epoch of the session starts here. */
  | { readonly kind: "replaced" }
  /** A newer epoch, or another runner, has the session's lease. */
  | { readonly kind: "fenced" };

export type HostedState = "starting" | "running" | "ending" | "gone";

export interface HostDependencies {
  readonly cell: string;
  readonly start: StartMachine;
  readonly directory: RunDirectory;
  readonly leases: Leases;
  readonly reports: ReportSink;
  readonly metrics: Metrics;
  readonly log: Logger;
}

type Said = Report extends infer R
  ? R extends Report
    ? Omit<R, "session" | "epoch" | "cell" | "atMs">
    : never
  : never;

/**
 * One (session, epoch) on this host, from the job to the empty folder:
 *
 *   starting → running → ending → gone
 *
 * It reports `starting`, `ready` and one end. The first end order counts; without one the machine's own end does.
 * `gone` comes when process, folder and lease are no more: only then may the slot be used again.
 */
export class HostedMachine {
  readonly job: StartJob;
  readonly slot: Slot;
  readonly name: string;
  /** Settles when the machine runs or will never run. */
  readonly settled: Promise<void>;
  readonly gone: Promise<void>;
  readonly #with: HostDependencies;
  readonly #abort = new AbortController();
  #state: HostedState = "starting";
  #order: EndOrder | null = null;
  #ready: Extract<Said, { kind: "ready" }> | null = null;

  constructor(job: StartJob, slot: Slot, dependencies: HostDependencies) {
    this.job = job;
    this.slot = slot;
    this.name = machineFolder(job.session, job.epoch);
    this.#with = dependencies;
    let settle: () => void = () => undefined;
    this.settled = new Promise((resolve) => {
      settle = resolve;
    });
    this.gone = this.#live(settle).finally(settle);
  }

  get state(): HostedState {
    return this.#state;
  }

  /** True when another runner has the session's lease. */
  get wasFenced(): boolean {
    return this.#order?.kind === "fenced";
  }

  /** Ends the machine, in whatever state it is, and waits until nothing is left of it. */
  async end(order: EndOrder): Promise<void> {
    this.#order ??= order;
    this.#abort.abort(new Error(`the machine shall end: ${order.kind}`));
    await this.gone;
  }

  /** Says `ready` once more, for a start job that was sent again. Nothing when it is not running. */
  repeatReady(): void {
    if (this.#state === "running" && this.#ready !== null) this.#say(this.#ready);
  }

  async #live(settle: () => void): Promise<void> {
    const { log, metrics } = this.#with;
    const failed = await this.#startAndRun(settle);
    this.#state = "ending";
    await this.#removeFolder();
    const order = this.#order;
    if (order?.kind === "ended") this.#say({ kind: "ended", reason: order.reason });
    else if (order === null && failed !== null) this.#say({ kind: "failed", ...failed });
    metrics.ends.inc({ how: order?.kind ?? failed?.reason ?? "stopped" });
    log.info({ machine: this.name, order, failed }, "machine gone");
    if (order?.kind !== "fenced") await this.#releaseLease();
    this.#state = "gone";
  }

  /** Gives the failure that ended it, or null when it was ordered to end. */
  async #startAndRun(settle: () => void): Promise<Failure | null> {
    let started: StartedMachine;
    try {
      started = await this.#bringUp();
    } catch (error) {
      return this.#order === null ? failureOfStart(error) : null;
    }
    this.#state = "running";
    settle();
    const stop = (): void => {
      started.stop().catch((error) => this.#with.log.error({ error, machine: this.name }, "a machine does not end"));
    };
    this.#abort.signal.addEventListener("abort", stop, { once: true });
    if (this.#abort.signal.aborted) stop();
    const end = await started.ended;
    return end.kind === "stopped" ? null : failureOfEnd(end);
  }

  async #bringUp(): Promise<StartedMachine> {
    const { start, metrics, log } = this.#with;
    this.#say({ kind: "starting" });
    const began = performance.now();
    const patienceMs = Math.max(1, Math.min(MACHINE_START_TIMEOUT_MS, this.job.notAfterMs - Date.now()));
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(patienceMs)]);
    const started = await start(this.job, this.name, this.slot, signal);
    try {
      await this.#stillOurs();
      await this.#announce(started);
    } catch (error) {
      await started.stop();
      throw error;
    }
    const startMs = performance.now() - began;
    this.#ready = { kind: "ready", how: started.how, startMs };
    this.#say(this.#ready);
    metrics.startSeconds.observe({ how: started.how }, startMs / 1_000);
    log.info({ machine: this.name, how: started.how, startMs }, "machine ready");
    return started;
  }

  /** A start may have taken so long that another runner was given the job: then that one's machine is the machine. */
  async #stillOurs(): Promise<void> {
    const { leases, log } = this.#with;
    const claim = await leases.claim(this.job.session, this.job.epoch).catch((error) => {
      log.warn({ error, machine: this.name }, "a lease could not be renewed: the machine goes on");
      return "ok" as const;
    });
    if (claim === "ok") return;
    this.#order ??= { kind: "fenced" };
    throw new RingsideError("conflict", { message: `the session's lease is another's now: ${claim}` });
  }

  async #announce({ pid, qemuVersion, arch, consoleStart }: StartedMachine): Promise<void> {
    const { session, epoch, user, lab, image, parameters } = this.job;
    const file = { session, epoch, user, lab, image, arch, parameters, qemuVersion, pid, consoleStart };
    await this.#with.directory.announceMachine(this.name, file);
  }

  async #removeFolder(): Promise<void> {
    try {
      await this.#with.directory.removeMachine(this.name);
    } catch (error) {
      this.#with.log.error({ error, machine: this.name }, "a machine's folder could not be removed: the reaper will");
    }
  }

  async #releaseLease(): Promise<void> {
    try {
      await this.#with.leases.release(this.job.session, this.job.epoch);
    } catch (error) {
      this.#with.log.warn({ error, machine: this.name }, "a lease could not be released: it will expire");
    }
  }

  #say(said: Said): void {
    const { session, epoch } = this.job;
    this.#with.reports.send({ ...said, session, epoch, cell: this.#with.cell, atMs: Date.now() });
  }
}
