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
  readonly #inserted = new Map<number, Map<string, Inserted>>();

  insert(connection: number, kind: BreakpointKind, address: bigint): void {
    const own = this.#inserted.get(connection);
    const inserted = { kind, address };
    if (own === undefined) this.#inserted.set(connection, new Map([[keyOf(kind, address), inserted]]));
    else own.set(keyOf(kind, address), inserted);
  }

  remove(connection: number, kind: BreakpointKind, address: bigint): void {
    this.#inserted.get(connection)?.delete(keyOf(kind, address));
  }

  /** The connection is over: the hub takes its breakpoints out. */
  forget(connection: number): void {
    this.#inserted.delete(connection);
  }

  /** Where breakpoints for execution stand, each with the connection that has it there. */
  *standing(): Generator<{ readonly connection: number; readonly address: bigint }, void, void> {
    for (const [connection, own] of this.#inserted) {
      for (const { kind, address } of own.values()) {
        if (kind === "software" || kind === "hardware") yield { connection, address };
      }
    }
  }

  /** True where someone's breakpoint for execution stands at this address. */
  stopsAt(address: bigint): boolean {
    const keys = [keyOf("software", address), keyOf("hardware", address)];
    return [...this.#inserted.values()].some((own) => keys.some((key) => own.has(key)));
  }
}

interface Inserted {
  readonly kind: BreakpointKind;
  readonly address: bigint;
}

const keyOf = (kind: BreakpointKind, address: bigint): string => `${kind}@${address.toString(16)}`;
