import { MACHINE_START_TIMEOUT_MS, RingsideError, type StartJob } from "@ringside/shared";
import type { Logger } from "pino";
import type { Pass } from "./crash-points.ts";
import type { HostedMachine } from "./hosted-machine.ts";
import type { Leases } from "./lease.ts";
import { WAKE_RETRY_SECONDS, WAKE_SLOT_WAIT_MS } from "./limits.ts";
import type { MachineHost } from "./machine-host.ts";
import { savable } from "./savable.ts";
import type { SavedStates } from "./saved-states.ts";
import type { Slot, Slots } from "./slots.ts";

export interface HibernationOptions {
  readonly host: MachineHost;
  readonly states: SavedStates;
  readonly slots: Slots;
  readonly leases: Leases;
  readonly pass: Pass;
  readonly log: Logger;
}

export interface Woken {
  readonly machine: string;
  readonly awakeAlready: boolean;
}

const notHere = (): RingsideError =>
  new RingsideError("session_not_ready", { message: "The session has no machine in this cell, awake or asleep" });

/** Puts machines to sleep, as files, and wakes them. */
export class Hibernation {
  readonly #with: HibernationOptions;
  /** Wakes under way, by session: who comes second waits for the first. */
  readonly #waking = new Map<string, Promise<Woken>>();

  constructor(options: HibernationOptions) {
    this.#with = options;
  }

  /**
   * Saves the session's machine and ends it. It stands still, or nobody minds that it is stopped.
   * @param runOn whether the guest runs when it is woken `as-before`
   * @returns bytes on disk
   * @throws RingsideError `session_not_ready`, `conflict` for what cannot be saved, `storage_full`, `machine_gone`
   */
  hibernate(session: string, epoch: number, runOn: boolean): Promise<number> {
    const { host, states, pass } = this.#with;
    return host.turns.take(session, async () => {
      const asleep = states.hibernated(session);
      if (asleep?.job.epoch === epoch && host.of(session) === undefined) return asleep.bytes;
      const machine = savable(host.of(session), epoch);
      const bytes = await machine.started.save(await states.hibernatedFile(session), runOn);
      pass("mid-hibernate");
      if (machine.hosted.running === null) throw new RingsideError("machine_gone");
      await states.fellAsleep(machine.hosted.job, bytes);
      await machine.hosted.end({ kind: "hibernated", bytes });
      // It may have ended by itself, or been told to, in the same moment: then that is what was reported.
      if (machine.hosted.order?.kind === "hibernated") return bytes;
      await states.awoke(session);
      throw new RingsideError("machine_gone");
    });
  }

  /**
   * Gives a session that sleeps its machine again.
   * @throws RingsideError `session_not_ready`, `state_damaged`, `no_capacity`, `store_unavailable`, `conflict`
   */
  async wake(session: string, run: "as-before" | "no"): Promise<Woken> {
    const underWay = this.#waking.get(session);
    if (underWay !== undefined) return { ...(await underWay), awakeAlready: true };
    const waking = this.#wake(session, run).finally(() => this.#waking.delete(session));
    this.#waking.set(session, waking);
    return waking;
  }

  async #wake(session: string, run: "as-before" | "no"): Promise<Woken> {
    const { host, states, slots } = this.#with;
    const present = host.of(session);
    if (present?.order?.kind === "hibernated") await present.gone;
    else if (present !== undefined) return nameOf(present, true);
    if (states.hibernated(session) === null) throw notHere();
    const slot = await slots.wait(WAKE_SLOT_WAIT_MS);
    if (slot === null) throw new RingsideError("no_capacity", { retryAfterSeconds: WAKE_RETRY_SECONDS });
    let machine: HostedMachine | null = null;
    try {
      machine = await host.turns.take(session, () => this.#host(session, run, slot));
    } finally {
      if (machine === null || !machine.has(slot)) slot.giveBack();
    }
    const woken = await nameOf(machine, false);
    await host.turns.take(session, () => this.#forgetSleep(machine));
    return woken;
  }

  async #host(session: string, run: "as-before" | "no", slot: Slot): Promise<HostedMachine> {
    const { host, states } = this.#with;
    if (host.isClosing) throw new RingsideError("shutting_down");
    const present = host.of(session);
    if (present !== undefined) return present; // a reset was faster
    const asleep = states.hibernated(session);
    if (asleep === null || host.isOver(asleep.job)) throw notHere();
    const job: StartJob = { ...asleep.job, notAfterMs: Date.now() + MACHINE_START_TIMEOUT_MS };
    await this.#claim(job);
    return host.host(job, slot, { kind: "hibernated", file: await states.hibernatedFile(session), run });
  }

  async #claim({ session, epoch }: StartJob): Promise<void> {
    const claim = await this.#with.leases.claim(session, epoch).catch((cause) => {
      throw new RingsideError("store_unavailable", { cause });
    });
    if (claim === "ok") return;
    throw new RingsideError("conflict", { message: "The session's machine is another's now" });
  }

  /** The machine is there: what it slept as is of no use any more. */
  async #forgetSleep(machine: HostedMachine): Promise<void> {
    const { states, log } = this.#with;
    const { session, epoch } = machine.job;
    // It may have gone to sleep again in this moment.
    if (machine.running === null || states.hibernated(session)?.job.epoch !== epoch) return;
    await states
      .awoke(session)
      .catch((error) => log.error({ error, session }, "a woken machine's state was not removed"));
  }
}

/** Waits for the machine to run. @throws why it does not */
async function nameOf(machine: HostedMachine, awakeAlready: boolean): Promise<Woken> {
  await machine.settled;
  const { running, startError } = machine;
  if (running !== null) return { machine: running.name, awakeAlready };
  if (startError instanceof RingsideError) throw startError;
  throw startError === null
    ? new RingsideError("machine_gone")
    : new RingsideError("internal", { message: "The machine could not be woken: try again", cause: startError });
}
