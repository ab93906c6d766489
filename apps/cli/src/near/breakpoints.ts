import type { BreakpointPacket } from "@ringside/rsp";
import { NEAR_BREAKPOINT_CHARS_MAX, NEAR_BREAKPOINT_KIND_MAX, NEAR_BREAKPOINTS_MAX } from "../limits.ts";

/**
 * gdb takes its breakpoints out at each stop and puts them in again before each resume. Software and hardware ones
 * are answered at once, and the difference between what gdb wants and what the cell has travels with the resume.
 *
 *   want/unwant ──► difference() goes along ──► carried()   the cell has what gdb wants
 *                                          └──► failed()    one was refused: how far it came is not known
 */
export class Breakpoints {
  /** Key → the `Z` packet. */
  readonly #wanted = new Map<string, string>();
  readonly #held = new Map<string, string>();
  /** What was sent in a request that failed. */
  readonly #unsure = new Map<string, string>();
  #chars = 0;

  /** Takes a packet that may be answered `OK` at once. @returns false where the cell must be asked */
  take(packet: BreakpointPacket, payload: string): boolean {
    const key = keyOf(packet);
    if (packet.type !== "software" && packet.type !== "hardware") return false;
    if (packet.kind === "z") {
      if (!this.#wanted.has(key)) return false;
      this.#forget(key);
      return true;
    }
    if (packet.length > NEAR_BREAKPOINT_KIND_MAX || this.#isFull(key, payload)) return false;
    this.#want(key, payload);
    return true;
  }

  /** What happens to a machine that comes to an address step by step. */
  readonly at = (address: bigint): "nothing" | "stop" | "condition" => {
    const hex = address.toString(16);
    let there: "nothing" | "condition" = "nothing";
    for (const payload of this.#wanted.values()) {
      const [, place, extra] = /^Z[01],([0-9a-f]+),[0-9a-f]+(;.*)?$/.exec(payload) ?? [];
      if (place !== hex) continue;
      if (extra === undefined) return "stop";
      there = "condition";
    }
    return there;
  };

  /** The cell was asked for it and has answered. */
  told(packet: BreakpointPacket, payload: string, reply: string): void {
    if (reply !== "OK") return;
    const key = keyOf(packet);
    this.#unsure.delete(key);
    if (packet.kind === "z") {
      this.#forget(key);
      this.#held.delete(key);
    } else {
      this.#want(key, payload);
      this.#held.set(key, payload);
    }
  }

  /** What the cell must be told before the machine runs, removals first. */
  difference(): readonly string[] {
    const removed = new Map([...this.#held, ...this.#unsure].filter(([key]) => !this.#wanted.has(key)));
    const out: string[] = [];
    for (const [key, payload] of removed) {
      // Inserting is answered OK whether or not it is in; removing what is not in is an error.
      if (this.#unsure.has(key)) out.push(payload);
      out.push(removalOf(payload));
    }
    for (const [key, payload] of this.#wanted) {
      if (this.#held.get(key) !== payload || this.#unsure.has(key)) out.push(payload);
    }
    return out;
  }

  /** The difference was carried out. */
  carried(): void {
    this.#unsure.clear();
    this.#held.clear();
    for (const [key, payload] of this.#wanted) this.#held.set(key, payload);
  }

  /** The difference was carried out in part, or not at all. */
  failed(): void {
    for (const [key, payload] of this.#held) if (!this.#wanted.has(key)) this.#unsure.set(key, payload);
    for (const [key, payload] of this.#wanted) if (this.#held.get(key) !== payload) this.#unsure.set(key, payload);
  }

  /** What a new link begins with: all that the cell may have or, while the machine runs, was asked to have. */
  inserted(running: boolean): readonly string[] {
    return [...(running ? this.#wanted : new Map([...this.#unsure, ...this.#held])).values()];
  }

  /** A new link has begun with `inserted(running)`. */
  restored(running: boolean): void {
    if (running) {
      this.carried();
      return;
    }
    for (const [key, payload] of this.#unsure) if (!this.#held.has(key)) this.#held.set(key, payload);
    this.#unsure.clear();
  }

  /** gdb has let go: there are none. */
  clear(): void {
    for (const map of [this.#wanted, this.#held, this.#unsure]) map.clear();
    this.#chars = 0;
  }

  #want(key: string, payload: string): void {
    this.#forget(key);
    this.#wanted.set(key, payload);
    this.#chars += payload.length;
  }

  #forget(key: string): void {
    this.#chars -= this.#wanted.get(key)?.length ?? 0;
    this.#wanted.delete(key);
  }

  #isFull(key: string, payload: string): boolean {
    const count = this.#wanted.size + (this.#wanted.has(key) ? 0 : 1);
    return count > NEAR_BREAKPOINTS_MAX || this.#chars + payload.length > NEAR_BREAKPOINT_CHARS_MAX;
  }
}

/** Two that differ in their conditions only are the same one. */
const keyOf = ({ type, address, length }: BreakpointPacket): string => `${type} ${address.toString(16)} ${length}`;

/** `Z0,addr,kind;X…` → `z0,addr,kind`. */
const removalOf = (payload: string): string => `z${payload.slice(1).split(";", 1)[0]}`;
