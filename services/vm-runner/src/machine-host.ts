import type { EndReason, StartJob, StopJob } from "@ringside/shared";
import { RingsideError } from "@ringside/shared";
import { type HostDependencies, HostedMachine, type HostedState } from "./hosted-machine.ts";
import { CELL_START_SLOT_WAIT_MS, ENDED_SESSIONS_MAX } from "./limits.ts";
import type { SavedStates } from "./saved-states.ts";
import type { Slot, Slots } from "./slots.ts";
import type { Origin } from "./started-machine.ts";
import { Turns } from "./turns.ts";

/** What becomes of a start job: done, whether or not a machine runs, or to be tried again a little later. */
export type StartOutcome = "done" | "later";

type Found = HostedMachine | StartOutcome;

export interface MachineHostOptions extends HostDependencies {
  readonly slots: Slots;
  readonly states: SavedStates;
}

/**
 * All machines of this runner, one for each session. Start and stop jobs may come twice, late or out of order:
 *
 *   start, same epoch runs here     says ready again        start, a newer epoch is known   dropped
 *   start, same epoch sleeps here   says hibernated again   start, another runner has it    later
 *   start, an older epoch is here   replaces it, in its slot
 *   start, too late                 failed(start_timeout)   stop                            ends what is not newer
 */
export class MachineHost {
  readonly #with: MachineHostOptions;
  /** The machine of each session; those that were replaced are only among `#present`. */
  readonly #machines = new Map<string, HostedMachine>();
  readonly #present = new Set<HostedMachine>();
  /** Highest epoch of each session that is over here; the oldest entries are forgotten. */
  readonly #over = new Map<string, number>();
  /** What is done with one session is done one after the other. */
  readonly turns = new Turns();
  #renewing = false;
  #closing = false;

  constructor(options: MachineHostOptions) {
    this.#with = options;
  }

  get count(): number {
    return this.#present.size;
  }

  countIn(state: HostedState): number {
    return this.present.filter((machine) => machine.state === state).length;
  }

  get present(): readonly HostedMachine[] {
    return [...this.#present];
  }

  /** The session's machine, in whatever state; undefined where it has none. */
  of(session: string): HostedMachine | undefined {
    return this.#machines.get(session);
  }

  /**
   * Works on a start job until its machine runs or never will.
   * @param slot a taken slot, given back when the machine is gone or none is started; null for a job of the cell's own
   * queue: it takes over the slot of the session's machine here, or waits a little for one
   * @throws what Redis throws when the lease cannot be claimed: then the job is to be tried again
   */
  async start(job: StartJob, slot: Slot | null): Promise<StartOutcome> {
    let found: Found = "done";
    try {
      found = await this.turns.take(job.session, () => this.#findOrHost(job, slot));
    } finally {
      if (slot !== null && (typeof found === "string" || !found.has(slot))) slot.giveBack();
    }
    if (typeof found === "string") return found;
    const began = found.state === "starting";
    await found.settled;
    if (!began) found.repeatReady();
    return "done";
  }

  /** Ends the session's machine, awake or asleep, unless it is of a newer epoch, and says so. */
  async stop(job: StopJob): Promise<void> {
    const { session, epoch, reason } = job;
    this.#remember(session, epoch);
    const present = this.#machines.get(session);
    if (present !== undefined && present.job.epoch <= epoch) await present.end({ kind: "ended", reason });
    await this.turns.take(session, () => this.#removeStates(session, epoch));
    if (present?.job.epoch === epoch && present.order?.kind === "ended") return; // it has said so
    this.#with.reports.send({ kind: "ended", session, epoch, reason, cell: this.#with.cell, atMs: Date.now() });
  }

  /**
   * Hosts a machine in a slot, for a session that has none here; only in the session's turn, and with its lease.
   * The slot is given back when the machine is gone.
   */
  host(job: StartJob, slot: Slot, origin: Origin): HostedMachine {
    const after = this.#machines.get(job.session) ?? null;
    const machine = new HostedMachine({ job, slot, origin, after }, this.#with);
    this.#machines.set(job.session, machine);
    this.#present.add(machine);
    machine.gone.then(
      () => this.#forget(machine),
      (error) => {
        this.#with.log.error({ error, session: job.session }, "a machine's end went wrong");
        this.#forget(machine);
      },
    );
    return machine;
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

  /** True once all machines are to end: no more come. */
  get isClosing(): boolean {
    return this.#closing;
  }

  /** Starts nothing any more; what starts already goes on. */
  close(): void {
    this.#closing = true;
  }

  async endAll(reason: EndReason): Promise<void> {
    await Promise.all(this.present.map((machine) => machine.end({ kind: "ended", reason })));
  }

  /** True where the session ended here at this epoch or later. */
  isOver({ session, epoch }: Pick<StartJob, "session" | "epoch">): boolean {
    return (this.#over.get(session) ?? 0) >= epoch;
  }

  /** The machine of the job, which is there already or hosted now, or what becomes of the job without one. */
  async #findOrHost(job: StartJob, given: Slot | null): Promise<Found> {
    if (this.#closing) return "later";
    const { states } = this.#with;
    const present = this.#machines.get(job.session);
    const asleep = states.hibernated(job.session);
    const known = Math.max(present?.job.epoch ?? 0, asleep?.job.epoch ?? 0);
    if (known > job.epoch) return "done";
    if (present?.job.epoch === job.epoch) return present;
    if (asleep?.job.epoch === job.epoch) {
      this.sayHibernated(asleep.job, asleep.bytes);
      return "done";
    }
    if (this.isOver(job)) return "done";
    const claimed = await this.#claim(job);
    if (claimed !== "ok") return claimed;
    const slot = given ?? (await this.#ownSlot(present));
    if (slot === null) return "later";
    // The old machine's end goes on behind the new one's start.
    void present?.end({ kind: "replaced" }).catch(() => undefined);
    if (asleep !== null) await states.awoke(job.session);
    if (!this.isOver(job)) return this.host(job, slot, this.#originOf(job));
    slot.giveBack();
    await this.#with.leases.release(job.session, job.epoch); // its stop came meanwhile
    return "done";
  }

  async #ownSlot(present: HostedMachine | undefined): Promise<Slot | null> {
    return present?.passSlot() ?? (await this.#with.slots.wait(CELL_START_SLOT_WAIT_MS));
  }

  #originOf({ session, state }: StartJob): Origin {
    if (state === null) return { kind: "fresh" };
    return { kind: "state", file: this.#with.states.checkpoint(session, state) };
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

  /** Tells that a session sleeps here. */
  sayHibernated({ session, epoch }: Pick<StartJob, "session" | "epoch">, bytes: number): void {
    this.#with.reports.send({ kind: "hibernated", session, epoch, cell: this.#with.cell, atMs: Date.now(), bytes });
  }

  #forget(machine: HostedMachine): void {
    const { job, origin, startError } = machine;
    this.#present.delete(machine);
    if (this.#machines.get(job.session) === machine) this.#machines.delete(job.session);
    void this.turns.take(job.session, async () => {
      try {
        const damaged = startError instanceof RingsideError && startError.code === "state_damaged";
        if (damaged && origin.kind !== "fresh") await this.#with.states.setAside(job.session, origin.file);
        if (machine.sessionIsOver) await this.#removeStates(job.session, job.epoch);
      } catch (error) {
        this.#with.log.error({ error, session: job.session }, "saved states could not be removed: they will be later");
      }
    });
    const goesOn = ["fenced", "hibernated"].includes(machine.order?.kind ?? "");
    const mayWakeAgain = origin.kind === "hibernated" && startError !== null && machine.order === null;
    // The job may come once more if its outcome was not written: it starts nothing then.
    if (!goesOn && !mayWakeAgain) this.#remember(job.session, job.epoch);
  }

  /** Unless something newer of the session is here. */
  async #removeStates(session: string, epoch: number): Promise<void> {
    const { states } = this.#with;
    const newest = Math.max(this.#machines.get(session)?.job.epoch ?? 0, states.hibernated(session)?.job.epoch ?? 0);
    if (newest <= epoch) await states.remove(session);
  }

  async #renew(machine: HostedMachine): Promise<void> {
    if (machine.state === "ending" || machine.state === "gone") return;
    const { session, epoch } = machine.job;
    try {
      const claim = await this.#with.leases.renew(session, epoch);
      if (claim === "ok") return;
      this.#with.log.warn({ session, claim }, "the lease is another's: the machine ends");
      await machine.end({ kind: "fenced" });
    } catch (error) {
      this.#with.log.warn({ error, session }, "a lease could not be renewed: the machine goes on");
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
