import type { BreakpointKind } from "./fact.ts";

/** The number behind Z and z. */
export const BREAKPOINT_KINDS = [
  "software",
  "hardware",
  "write",
  "read",
  "access",
] as const satisfies readonly BreakpointKind[];

/** Which breakpoints each Connection has in the machine. */
export class BreakpointLedger {
  readonly #inserted = new Map<number, Set<string>>();

  insert(connection: number, kind: BreakpointKind, address: bigint): void {
    const own = this.#inserted.get(connection);
    if (own === undefined) this.#inserted.set(connection, new Set([keyOf(kind, address)]));
    else own.add(keyOf(kind, address));
  }

  remove(connection: number, kind: BreakpointKind, address: bigint): void {
    this.#inserted.get(connection)?.delete(keyOf(kind, address));
  }

  /** The connection is over: the hub takes its breakpoints out. */
  forget(connection: number): void {
    this.#inserted.delete(connection);
  }

  /** True where someone's breakpoint for execution stands at this address. */
  stopsAt(address: bigint): boolean {
    const keys = [keyOf("software", address), keyOf("hardware", address)];
    return [...this.#inserted.values()].some((own) => keys.some((key) => own.has(key)));
  }
}

const keyOf = (kind: BreakpointKind, address: bigint): string => `${kind}@${address.toString(16)}`;
