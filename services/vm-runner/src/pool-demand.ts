import { POOL_HEADROOM_PERCENT, POOL_KIND_KEEP_MS, POOL_MEMORY_MS, POOL_WINDOW_MS } from "./limits.ts";

/** One kind of prewarmed machine, and what was wanted of it. */
export interface KindDemand {
  readonly key: string;
  /** When machines of it were started, ascending, in ms of one clock. */
  readonly startsMs: readonly number[];
  /** When it was last used, or asked to be kept warm. */
  readonly usedMs: number;
}

export interface PoolSize {
  /** Of each kind in recent use. */
  readonly min: number;
  /** Of all kinds together. */
  readonly max: number;
}

/** The most starts of the last POOL_MEMORY_MS that fell into one POOL_WINDOW_MS. */
export function peakOf(startsMs: readonly number[], nowMs: number): number {
  let [peak, first] = [0, 0];
  for (const [last, at] of startsMs.entries()) {
    if (at < nowMs - POOL_MEMORY_MS) first = last + 1;
    else {
      while ((startsMs[first] ?? at) <= at - POOL_WINDOW_MS) first += 1;
      peak = Math.max(peak, last - first + 1);
    }
  }
  return peak;
}

/** How many of a kind there should be, were there room for all. */
function wishOf(kind: KindDemand, nowMs: number, { min, max }: PoolSize): number {
  if (nowMs - kind.usedMs > POOL_KIND_KEEP_MS) return 0;
  const wanted = Math.ceil((peakOf(kind.startsMs, nowMs) * POOL_HEADROOM_PERCENT) / 100);
  return Math.min(max, Math.max(min, wanted));
}

/**
 * How many prewarmed machines of each kind there should be now. Never more than `max` in all: first each kind gets its
 * minimum, the latest used before others, then they get more in turn until each has what it wishes.
 */
export function poolTargets(kinds: readonly KindDemand[], nowMs: number, size: PoolSize): ReadonlyMap<string, number> {
  const order = kinds.toSorted((a, b) => b.usedMs - a.usedMs);
  const wishes = new Map(order.map((kind) => [kind.key, wishOf(kind, nowMs, size)]));
  const targets = new Map(order.map((kind) => [kind.key, 0]));
  let left = size.max;
  const give = (key: string, upTo: number): void => {
    const has = targets.get(key) ?? 0;
    const more = Math.max(0, Math.min(left, upTo - has));
    targets.set(key, has + more);
    left -= more;
  };
  for (const [key, wish] of wishes) give(key, Math.min(wish, size.min));
  for (let round = size.min + 1; round <= size.max && left > 0; round += 1) {
    for (const [key, wish] of wishes) give(key, Math.min(wish, round));
  }
  return targets;
}
