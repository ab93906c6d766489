import type { MachineEnd } from "@ringside/emulator";
import { type EndReason, MACHINE_START_TIMEOUT_MS, type Report, RingsideError, type StartJob } from "@ringside/shared";
import type { Logger } from "pino";
import type { Pass } from "./crash-points.ts";
import { type Failure, failureOfEnd, failureOfStart } from "./failure.ts";
import type { Leases } from "./lease.ts";
import { STARTING_REPORT_MS } from "./limits.ts";
import type { Metrics } from "./metrics.ts";
import type { Recordings } from "./recordings.ts";
import type { ReportSink } from "./reports.ts";
import type { Slot } from "./slots.ts";
import type { Origin, StartedMachine, StartMachine } from "./started-machine.ts";

/** Who wants a machine's end, and what is told to the api. */
export type EndOrder =
  | { readonly kind: "ended"; readonly reason: EndReason }
  /** It broke a rule: for example its recording is full. */
  | { readonly kind: "failed"; readonly failure: Failure }
  /** It is saved: its session sleeps. */
  | { readonly kind: "hibernated"; readonly bytes: number }
  /** Its recording is closed; the session's end follows. Not told. */
  | { readonly kind: "finished" }
  /** A newer epoch of the session starts here. Not told. */
  | { readonly kind: "replaced" }
  /** A newer epoch, or another runner, has the session's lease. Not told. */
  | { readonly kind: "fenced" };

export type HostedState = "starting" | "running" | "ending" | "gone";

export interface HostDependencies {
  readonly cell: string;
  readonly start: StartMachine;
  readonly leases: Leases;
  readonly recordings: Recordings;
  readonly reports: ReportSink;
  readonly metrics: Metrics;
  readonly pass: Pass;
  readonly log: Logger;
}

type Said = Report extends infer R
  ? R extends Report
    ? Omit<R, "session" | "epoch" | "cell" | "atMs">
    : never
  : never;

export interface HostedOptions {
  readonly job: StartJob;
  readonly slot: Slot;
  readonly origin: Origin;
  /** The session's former machine: this one is not shown before that one is out of sight. */
  readonly after: HostedMachine | null;
}

/**
 * One (session, epoch) on this host, from the job to the empty folder:
 *
 *   starting → running → ending → gone
 *
 * It reports `starting`, `ready` and one end; one that wakes reports no start, and its failure to wake goes to whoever
 * asked. The first end order counts; without one the machine's own end does. `hidden` comes when the proxy cannot see
 * it any more, `gone` when process, folder and lease are no more.
 */
export class HostedMachine {
  readonly job: StartJob;
  readonly origin: Origin;
  /** Settles when the machine runs or will never run. */
  readonly settled: Promise<void>;
  readonly hidden: Promise<void>;
  readonly gone: Promise<void>;
  readonly #with: HostDependencies;
  readonly #after: HostedMachine | null;
  readonly #abort = new AbortController();
  #slot: Slot | null;
  #state: HostedState = "starting";
  #order: EndOrder | null = null;
  #started: StartedMachine | null = null;
  #ready: Extract<Said, { kind: "ready" }> | null = null;
  #startError: unknown = null;
  #over = false;
  /** While it is being ended: gives true once the log of its recording is whole. */
  #stopping: Promise<boolean> | null = null;
  #settle: () => void = () => undefined;
  #hide: () => void = () => undefined;

  constructor({ job, slot, origin, after }: HostedOptions, dependencies: HostDependencies) {
    this.job = job;
    this.origin = origin;
    this.#slot = slot;
    this.#after = after;
    this.#with = dependencies;
    this.settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.hidden = new Promise((resolve) => {
      this.#hide = resolve;
    });
    this.gone = this.#live().finally(() => {
      this.#settle();
      this.#hide();
      this.#slot?.giveBack();
    });
  }

  get state(): HostedState {
    return this.#state;
  }

  get order(): EndOrder | null {
    return this.#order;
  }

  /** The machine itself, while it runs and nobody has ordered its end. */
  get running(): StartedMachine | null {
    return this.#state === "running" && this.#order === null ? this.#started : null;
  }

  /** Why it did not come up. */
  get startError(): unknown {
    return this.#startError;
  }

  /** True once its session's end was told: nothing of it is needed any more. */
  get sessionIsOver(): boolean {
    return this.#over;
  }

  has(slot: Slot): boolean {
    return this.#slot === slot;
  }

  /** Leaves its slot to the machine that replaces it. Null where it has left it already. */
  passSlot(): Slot | null {
    const slot = this.#slot;
    this.#slot = null;
    return slot;
  }

  /** Ends the machine, in whatever state it is, and waits until nothing is left of it. */
  async end(order: EndOrder): Promise<void> {
    this.#order ??= order;
    this.#abort.abort(new RingsideError("session_ended", { message: `the machine shall end: ${order.kind}` }));
    await this.gone;
  }

  /** Says `ready` once more, for a start job that was sent again. Nothing when it is not running. */
  repeatReady(): void {
    if (this.#state === "running" && this.#ready !== null) this.#say(this.#ready);
  }

  async #live(): Promise<void> {
    const { log, metrics } = this.#with;
    const failed = await this.#startAndRun();
    this.#state = "ending";
    const order = this.#order;
    await this.#clear();
    this.#sayEnd(order, failed);
    metrics.ends.inc({ how: order?.kind ?? failed?.reason ?? "stopped" });
    log.info({ machine: this.#started?.name, session: this.job.session, order, failed }, "machine gone");
    if (order?.kind !== "fenced") await this.#releaseLease();
    this.#state = "gone";
  }

  /** Gives the failure that ended it, or null when it was ordered to end. */
  async #startAndRun(): Promise<Failure | null> {
    let started: StartedMachine;
    try {
      started = await this.#bringUp();
    } catch (error) {
      this.#startError = error;
      return this.#order === null ? failureOfStart(error) : null;
    }
    this.#state = "running";
    this.#settle();
    const stop = (): void => {
      this.#stopping = this.#stop(started);
    };
    this.#abort.signal.addEventListener("abort", stop, { once: true });
    if (this.#abort.signal.aborted) stop();
    const end = await started.ended;
    return this.#order !== null || end.kind === "stopped" ? null : failureOfEnd(end);
  }

  async #bringUp(): Promise<StartedMachine> {
    const { start, metrics, log, pass } = this.#with;
    // Most are ready before anybody could want to know that they start.
    const slow = setTimeout(() => this.#say({ kind: "starting" }), STARTING_REPORT_MS);
    if (this.origin.kind === "hibernated") clearTimeout(slow);
    const began = performance.now();
    const patienceMs = Math.max(1, Math.min(MACHINE_START_TIMEOUT_MS, this.job.notAfterMs - Date.now()));
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(patienceMs)]);
    const started = await start(this.job, this.origin, signal).finally(() => clearTimeout(slow));
    this.#started = started;
    try {
      await Promise.all([this.#stillOurs(), this.#after?.hidden, started.resumed]);
      signal.throwIfAborted();
      await this.#show(started);
    } catch (error) {
      await started.stop();
      throw error;
    }
    pass(this.origin.kind === "hibernated" ? "mid-wake" : "before-ready");
    const { how, name } = started;
    const startMs = performance.now() - began;
    this.#ready = { kind: "ready", how, startMs };
    this.#say(this.#ready);
    metrics.started(how, startMs / 1_000);
    log.info({ machine: name, session: this.job.session, from: this.origin.kind, how, startMs }, "machine ready");
    return started;
  }

  /** A start may have taken so long that another runner was given the job: then that one's machine is the machine. */
  async #stillOurs(): Promise<void> {
    const { leases, log } = this.#with;
    const claim = await leases.renew(this.job.session, this.job.epoch).catch((error) => {
      log.warn({ error, session: this.job.session }, "a lease could not be renewed: the machine goes on");
      return "ok" as const;
    });
    if (claim === "ok") return;
    this.#order ??= { kind: "fenced" };
    throw new RingsideError("conflict", { message: `the session's lease is another's now: ${claim}` });
  }

  async #show(started: StartedMachine): Promise<void> {
    const { session, epoch, user, lab, image, parameters, record, idleMinutes, onDisconnect, start } = this.job;
    const { hints, memoryMib } = this.job;
    const { name, pid, qemuVersion, arch, template, consoleStart } = started;
    await started.show({
      ...{ machine: name, session, epoch, user, lab, image, arch, parameters, qemuVersion, pid },
      ...{ from: this.origin.kind, recording: record, template, idleMinutes, onDisconnect, consoleStart },
      ...{ start, hints, memoryMib },
    });
  }

  /** What is recorded ends in good order, so that its log is whole. */
  async #stop(started: StartedMachine): Promise<boolean> {
    const { log } = this.#with;
    const complain = (error: unknown): void => log.error({ error, machine: started.name }, "a machine does not end");
    await started.hide().then(this.#hide, complain);
    let whole = false;
    if (started.recordingLog() !== null) {
      whole = await started.quit().then(
        () => true,
        (error) => {
          log.warn({ error, machine: started.name }, "a recording was cut off");
          return false;
        },
      );
    }
    await started.stop().catch(complain);
    return whole;
  }

  /** Keeps its recording, and removes all else. */
  async #clear(): Promise<void> {
    const started = this.#started;
    if (started === null) return;
    const complain = (error: unknown): void =>
      this.#with.log.error({ error, machine: started.name }, "a machine's end went wrong");
    await started.hide().then(this.#hide, complain);
    const end = await started.ended;
    await this.#keepRecording(started, end).catch(complain);
    await started.remove().catch(complain);
  }

  async #keepRecording(started: StartedMachine, end: MachineEnd): Promise<void> {
    const log = started.recordingLog();
    const { template } = started;
    if (log === null || template === null) return;
    const { session, epoch } = this.job;
    const whole = (await this.#stopping) ?? end.kind === "guest_exited";
    await this.#with.recordings.keep({ session, epoch, template, whole, log });
  }

  async #releaseLease(): Promise<void> {
    try {
      await this.#with.leases.release(this.job.session, this.job.epoch);
    } catch (error) {
      this.#with.log.warn({ error, session: this.job.session }, "a lease could not be released: it will expire");
    }
  }

  #sayEnd(order: EndOrder | null, failed: Failure | null): void {
    if (order === null) {
      // A machine that did not wake can be woken again.
      if (failed === null || (this.origin.kind === "hibernated" && this.#ready === null)) return;
      this.#say({ kind: "failed", ...failed });
      this.#over = true;
      return;
    }
    switch (order.kind) {
      case "ended":
        this.#say({ kind: "ended", reason: order.reason });
        this.#over = true;
        return;
      case "failed":
        this.#say({ kind: "failed", ...order.failure });
        this.#over = true;
        return;
      case "hibernated":
        this.#say({ kind: "hibernated", bytes: order.bytes });
        return;
      case "finished":
      case "replaced":
      case "fenced":
        return;
      default:
        order satisfies never;
    }
  }

  #say(said: Said): void {
    const { session, epoch } = this.job;
    this.#with.reports.send({ ...said, session, epoch, cell: this.#with.cell, atMs: Date.now() });
  }
}
