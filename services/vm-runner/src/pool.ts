import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import {
  POOL_BUSY_LOOK_MS,
  POOL_IDLE_PERCENT,
  POOL_KINDS_MAX,
  POOL_LOOK_MS,
  POOL_LOW_COUNT,
  POOL_MEMORY_MS,
  POOL_RETRY_MS,
  POOL_STARTS_KEPT_MAX,
} from "./limits.ts";
import { type PoolSize, poolTargets } from "./pool-demand.ts";

/** A machine that waits to be taken. */
export interface Pooled {
  /** Resolves when its process is gone, whoever ended it. */
  readonly gone: Promise<unknown>;
  /** Ends it and removes all of it; again: nothing. */
  end(): Promise<void>;
}

/** A kind of machine that can be prewarmed: those of one kind may stand in for each other. */
export interface PoolKind<M extends Pooled> {
  readonly key: string;
  make(signal: AbortSignal): Promise<M>;
}

export interface PoolOptions {
  readonly size: PoolSize;
  /** True while something more urgent than the pool is under way. */
  readonly busy: () => boolean;
  /** Which share of the host, 0 to 1, was idle since this was last asked. */
  readonly idleShare: () => number;
  readonly log: Logger;
  /** Monotonic. */
  readonly nowMs?: () => number;
}

interface Shelf<M extends Pooled> {
  kind: PoolKind<M>;
  readonly machines: M[];
  startsMs: number[];
  usedMs: number;
}

/**
 * Prewarmed machines. A start takes one at once if there is one; they are replaced in the background, one at a time
 * and only while no start is under way. How many there should be is poolTargets' business.
 */
export class Pool<M extends Pooled> implements AsyncDisposable {
  readonly #options: PoolOptions;
  readonly #now: () => number;
  readonly #shelves = new Map<string, Shelf<M>>();
  readonly #closing = new AbortController();
  readonly #loop: Promise<void>;
  /** Something has changed since it was last looked at. */
  #changed = false;
  #wake: () => void = () => undefined;
  #target = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#now = options.nowMs ?? (() => performance.now());
    this.#loop = this.#run();
  }

  get ready(): number {
    return [...this.#shelves.values()].reduce((sum, { machines }) => sum + machines.length, 0);
  }

  /** How many there should be. */
  get target(): number {
    return this.#target;
  }

  /** Keeps machines of this kind from now on, as if one had just been used. */
  want(kind: PoolKind<M>): void {
    this.#shelf(kind).usedMs = this.#now();
    this.#kick();
  }

  /** A machine of this kind, or null where none waits. Either way it counts as a start. Whoever takes it ends it. */
  take(kind: PoolKind<M>): M | null {
    const shelf = this.#shelf(kind);
    const nowMs = this.#now();
    shelf.usedMs = nowMs;
    shelf.startsMs = [...shelf.startsMs.filter((at) => at >= nowMs - POOL_MEMORY_MS), nowMs];
    if (shelf.startsMs.length > POOL_STARTS_KEPT_MAX) shelf.startsMs.shift();
    const machine = shelf.machines.shift() ?? null;
    this.#kick();
    return machine;
  }

  /** Ends all machines of a kind, which are of no use any more. */
  async forget(key: string): Promise<void> {
    const shelf = this.#shelves.get(key);
    this.#shelves.delete(key);
    await this.#endAll(shelf?.machines.splice(0) ?? []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#kick();
    await this.#loop;
    for (const key of [...this.#shelves.keys()]) await this.forget(key);
  }

  #kick(): void {
    this.#changed = true;
    this.#wake();
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      this.#changed = false;
      let next: "again" | "busy" | "idle" | "failed" = "failed";
      try {
        next = await this.#improve();
      } catch (error) {
        if (!this.#closing.signal.aborted) this.#options.log.warn({ error }, "the pool could not be filled");
      }
      if (next === "busy") await this.#pause(POOL_BUSY_LOOK_MS, false);
      else if (next === "failed") await this.#pause(POOL_RETRY_MS, false);
      else if (next === "idle") await this.#pause(POOL_LOOK_MS, true);
    }
  }

  /** One step towards what should be. */
  async #improve(): Promise<"again" | "busy" | "idle"> {
    const demand = [...this.#shelves].map(([key, { startsMs, usedMs }]) => ({ key, startsMs, usedMs }));
    const targets = poolTargets(demand, this.#now(), this.#options.size);
    this.#target = [...targets.values()].reduce((sum, target) => sum + target, 0);
    for (const [key, shelf] of this.#shelves) {
      const target = targets.get(key) ?? 0;
      const surplus = shelf.machines.splice(target);
      await this.#endAll(surplus);
      if (target === 0 && this.#shelves.size > POOL_KINDS_MAX) this.#shelves.delete(key);
    }
    const short = [...this.#shelves].find(([key, { machines }]) => machines.length < (targets.get(key) ?? 0));
    if (short === undefined) return "idle";
    if (this.#options.busy() || this.#mayWait(short[1])) return "busy";
    await this.#makeOne(...short);
    return "again";
  }

  /** There are some, and the host has better to do. */
  #mayWait({ machines }: Shelf<M>): boolean {
    return machines.length >= POOL_LOW_COUNT && this.#options.idleShare() * 100 < POOL_IDLE_PERCENT;
  }

  async #makeOne(key: string, shelf: Shelf<M>): Promise<void> {
    const machine = await shelf.kind.make(this.#closing.signal);
    if (this.#shelves.get(key) !== shelf || this.#closing.signal.aborted) return machine.end();
    shelf.machines.push(machine);
    void machine.gone.then(() => {
      const at = shelf.machines.indexOf(machine);
      if (at < 0) return; // it was taken
      shelf.machines.splice(at, 1);
      this.#options.log.warn({ kind: key }, "a prewarmed machine is gone");
      void this.#endAll([machine]);
      this.#kick();
    });
  }

  async #endAll(machines: readonly M[]): Promise<void> {
    const ends = await Promise.allSettled(machines.map((machine) => machine.end()));
    for (const end of ends) {
      if (end.status === "rejected") this.#options.log.error({ error: end.reason }, "a prewarmed machine does not end");
    }
  }

  #shelf(kind: PoolKind<M>): Shelf<M> {
    const known = this.#shelves.get(kind.key);
    if (known !== undefined) {
      known.kind = kind;
      return known;
    }
    const shelf: Shelf<M> = { kind, machines: [], startsMs: [], usedMs: this.#now() };
    this.#shelves.set(kind.key, shelf);
    return shelf;
  }

  /** @param early whether a change ends it */
  async #pause(ms: number, early: boolean): Promise<void> {
    if (early && this.#changed) return;
    const over = new AbortController();
    if (early) this.#wake = () => over.abort();
    const signal = AbortSignal.any([over.signal, this.#closing.signal]);
    await sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
    this.#wake = () => undefined;
  }
}
