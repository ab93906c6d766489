import { type EndReason, type StartJob, type StopJob, startJobSchema } from "@ringside/shared";
import { type HostDependencies, HostedMachine, type HostedState } from "./hosted-machine.ts";
import { ENDED_SESSIONS_MAX } from "./limits.ts";
import type { Slot, Slots } from "./slots.ts";
import { Turns } from "./turns.ts";

/** What becomes of a start job: done, whether or not a machine runs, or to be tried again a little later. */
export type StartOutcome = "done" | "later";

type Found = HostedMachine | StartOutcome;

/**
 * All machines of this runner, one for each session. Start and stop jobs may come twice, late or out of order:
 *
 *   start, same epoch runs here     says ready again        start, a newer epoch is known   dropped
 *   start, an older epoch runs here replaces it             start, another runner has it    later
 *   start, too late                 failed(start_timeout)   stop                            ends what is not newer
 */
export class MachineHost {
  readonly #with: HostDependencies;
  readonly #slots: Slots;
  readonly #machines = new Map<string, HostedMachine>();
  /** Highest epoch of each session that is over here; the oldest entries are forgotten. */
  readonly #over = new Map<string, number>();
  /** Starts of one session, one after the other. */
  readonly #turns = new Turns();
  #renewing = false;

  constructor(slots: Slots, dependencies: HostDependencies) {
    this.#with = dependencies;
    this.#slots = slots;
  }

  get count(): number {
    return this.#machines.size;
  }

  countIn(state: HostedState): number {
    return [...this.#machines.values()].filter((machine) => machine.state === state).length;
  }

  /** True for the folder of a machine that is here. */
  has(name: string): boolean {
    return [...this.#machines.values()].some((machine) => machine.name === name);
  }

  /**
   * Works on a start job until its machine runs or never will.
   * @param slot a taken slot; it is given back when the machine is gone or none is started
   * @throws what Redis throws when the lease cannot be claimed: then the job is to be tried again
   */
  async start(job: StartJob, slot: Slot): Promise<StartOutcome> {
    let found: Found = "done";
    try {
      found = await this.#turns.take(job.session, () => this.#findOrHost(job, slot));
    } finally {
      if (typeof found === "string" || found.slot !== slot) this.#slots.giveBack(slot);
    }
    if (typeof found === "string") return found;
    await found.settled;
    if (found.slot !== slot) found.repeatReady();
    return "done";
  }

  /** Ends the session's machine, unless it is of a newer epoch, and says so. */
  async stop(job: StopJob): Promise<void> {
    this.#remember(job.session, job.epoch);
    const present = this.#machines.get(job.session);
    if (present !== undefined && present.job.epoch <= job.epoch) {
      await present.end({ kind: "ended", reason: job.reason });
      if (present.job.epoch === job.epoch) return;
    }
    const { session, epoch, reason } = job;
    this.#with.reports.send({ kind: "ended", session, epoch, reason, cell: this.#with.cell, atMs: Date.now() });
  }

  /** Of jobs that wait for a slot: makes room for those that reset a machine of ours. */
  async makeRoomFor(waiting: readonly unknown[]): Promise<void> {
    for (const data of waiting) {
      const job = startJobSchema.safeParse(data);
      const present = job.success ? this.#machines.get(job.data.session) : undefined;
      if (job.success && present !== undefined && present.job.epoch < job.data.epoch) {
        await present.end({ kind: "replaced" });
      }
    }
  }

  /** Renews all leases, and ends the machines whose lease is another's now. One round at a time. */
  async renewLeases(): Promise<void> {
    if (this.#renewing) return;
    this.#renewing = true;
    try {
      await Promise.all([...this.#machines.values()].map((machine) => this.#renew(machine)));
    } finally {
      this.#renewing = false;
    }
  }

  async endAll(reason: EndReason): Promise<void> {
    await Promise.all([...this.#machines.values()].map((machine) => machine.end({ kind: "ended", reason })));
  }

  /** The machine of the job, which is there already or hosted now in `slot`, or what becomes of the job without one. */
  async #findOrHost(job: StartJob, slot: Slot): Promise<Found> {
    const present = this.#machines.get(job.session);
    if (present !== undefined && present.job.epoch > job.epoch) return "done";
    if (present !== undefined && present.job.epoch === job.epoch) return present;
    if (this.#isOver(job)) return "done";
    const claimed = await this.#claim(job);
    if (claimed !== "ok") return claimed;
    await present?.end({ kind: "replaced" });
    if (!this.#isOver(job)) return this.#host(job, slot);
    await this.#with.leases.release(job.session, job.epoch); // its stop came meanwhile
    return "done";
  }

  #isOver(job: StartJob): boolean {
    return (this.#over.get(job.session) ?? 0) >= job.epoch;
  }

  async #claim(job: StartJob): Promise<StartOutcome | "ok"> {
    const late = Date.now() > job.notAfterMs;
    const { session, epoch } = job;
    const claim = await this.#with.leases.claim(session, epoch);
    if (claim === "stale") return "done";
    if (!late) return claim === "held" ? "later" : "ok";
    if (claim === "held") return "done"; // whoever holds it tells what became of it
    const detail = "the job was taken after its time";
    const { cell, reports, leases } = this.#with;
    reports.send({ kind: "failed", session, epoch, cell, atMs: Date.now(), reason: "start_timeout", detail });
    await leases.release(session, epoch);
    return "done";
  }

  #host(job: StartJob, slot: Slot): HostedMachine {
    const machine = new HostedMachine(job, slot, this.#with);
    this.#machines.set(job.session, machine);
    const forget = (): void => {
      // The job may come once more if its outcome was not written: it starts nothing then.
      if (!machine.wasFenced) this.#remember(job.session, job.epoch);
      this.#machines.delete(job.session);
      this.#slots.giveBack(slot);
    };
    machine.gone.then(forget, (error) => {
      this.#with.log.error({ error, machine: machine.name }, "a machine's end went wrong");
      forget();
    });
    return machine;
  }

  async #renew(machine: HostedMachine): Promise<void> {
    if (machine.state === "ending" || machine.state === "gone") return;
    try {
      const claim = await this.#with.leases.claim(machine.job.session, machine.job.epoch);
      if (claim === "ok") return;
      this.#with.log.warn({ machine: machine.name, claim }, "the lease is another's: the machine ends");
      await machine.end({ kind: "fenced" });
    } catch (error) {
      this.#with.log.warn({ error, machine: machine.name }, "a lease could not be renewed: the machine goes on");
    }
  }

  #remember(session: string, epoch: number): void {
    const known = this.#over.get(session) ?? 0;
    this.#over.delete(session);
    this.#over.set(session, Math.max(known, epoch));
    const oldest = this.#over.keys().next().value;
    if (this.#over.size > ENDED_SESSIONS_MAX && oldest !== undefined) this.#over.delete(oldest);
  }
}
