import { WATCHED_BYTES_MAX, WATCHED_VALUES_MAX } from "../limits.ts";
import { type Breakpoint, placeOf } from "./breakpoint.ts";
import type { Conversation } from "./conversation.ts";

interface Values {
  /** When it was inserted last; null: not known, or no longer gdb's. */
  readonly inserted: string | null;
  /** At the last stop by it that a debugger was told; null: it was told none. */
  readonly told: string | null;
}

/**
 * What stands where writes are watched. gdb's `watch` stops where the value changes, but the processor's watchpoint
 * stops at each write; gdb goes on by itself after one that changed nothing. Those are passed over here instead. In
 * doubt the stop is told: where a debugger has written since, or where any of what gdb may compare with differs.
 */
export class WatchedValues {
  /** Place → values. Removed watchpoints stay: gdb takes its own out at each stop, and keeps what it compares with. */
  readonly #values = new Map<string, Values>();

  /** A debugger has written memory. */
  forget(): void {
    for (const [place, values] of this.#values) this.#values.set(place, { ...values, inserted: null });
  }

  clear(): void {
    this.#values.clear();
  }

  /** Reads what stands where a watchpoint for writes has been inserted. */
  *inserted(watch: Breakpoint): Conversation<void> {
    const place = placeOf(watch);
    const told = this.#values.get(place)?.told ?? null;
    this.#values.delete(place);
    this.#values.set(place, { inserted: yield* readValue(watch), told });
    const [oldest] = this.#values.keys();
    if (this.#values.size > WATCHED_VALUES_MAX && oldest !== undefined) this.#values.delete(oldest);
  }

  /** True where nothing has changed at any of the watchpoints that may have stopped the machine. */
  *areSame(watches: readonly Breakpoint[]): Conversation<boolean> {
    let same = watches.length > 0;
    for (const watch of watches) {
      const place = placeOf(watch);
      const { inserted = null, told = null } = this.#values.get(place) ?? {};
      const value = yield* readValue(watch);
      if (value !== null && value === inserted && (told === null || value === told)) continue;
      same = false;
      if (this.#values.has(place)) this.#values.set(place, { inserted: value, told: value });
    }
    return same;
  }
}

/** Null where it cannot be read, or is too long to be one value. */
function* readValue({ address, length }: Breakpoint): Conversation<string | null> {
  if (length === 0 || length > WATCHED_BYTES_MAX) return null;
  const reply = yield `m${address.toString(16)},${length.toString(16)}`;
  return reply.length === 2 * length && /^[0-9a-f]+$/.test(reply) ? reply : null;
}
