import type { Parameters } from "@ringside/shared";
import type { Fact, FactKind, FactOf, StoppedFact, TraceEventOf, Who } from "@ringside/trace";

/** The facts of a trace as conditions ask for them. */
export class Evidence {
  readonly parameters: Parameters;
  readonly #facts: readonly Fact[];
  readonly #student: string;
  readonly #writes: readonly WriteFact[];
  /** Where a machine of a new epoch begins: what was done to the one before it is gone. */
  readonly #freshStarts: readonly number[];

  constructor(facts: readonly Fact[], opened: TraceEventOf<"trace.opened">) {
    this.parameters = opened.parameters;
    this.#facts = facts;
    this.#student = opened.user;
    this.#writes = facts.filter((fact) => fact.kind === "registers_written" || fact.kind === "memory_written");
    this.#freshStarts = freshStarts(facts);
  }

  of<K extends FactKind>(kind: K): readonly FactOf<K>[] {
    return this.#facts.filter((fact): fact is FactOf<K> => fact.kind === kind);
  }

  /** True for the session's student; what an instructor does earns no points. */
  isStudent(who: Who): boolean {
    return who.user === this.#student;
  }

  /** True unless someone else did it; the cell itself does nothing that a student might not. */
  mayCount(who: Who | null): boolean {
    return who === null || this.isStudent(who);
  }

  /** Writes to the machine's registers and memory, by anyone: those events before `event`, or all. */
  writes(before = Number.POSITIVE_INFINITY): readonly WriteFact[] {
    return this.#writes.filter((write) => write.event < before);
  }

  /** The first write to the machine that this stop is of; null where its state is its own doing. */
  writeBefore(stop: StoppedFact): WriteFact | null {
    const start = this.#freshStarts.findLast((event) => event < stop.event) ?? -1;
    return this.#writes.find((write) => write.event > start && write.event < stop.event) ?? null;
  }
}

export type WriteFact = FactOf<"registers_written" | "memory_written">;

function freshStarts(facts: readonly Fact[]): readonly number[] {
  let newest = 0;
  return facts.flatMap((fact) => {
    if (fact.kind !== "machine_found" || fact.epoch <= newest) return [];
    newest = fact.epoch;
    return [fact.event];
  });
}
