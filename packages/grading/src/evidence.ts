import type { Answer, Parameters } from "@ringside/shared";
import type { Fact, FactKind, FactOf, StoppedFact, TraceEventOf, Who } from "@ringside/trace";
import type { FunctionNames, KernelFunction } from "./function-names.ts";

export interface EvidenceInput {
  readonly facts: readonly Fact[];
  readonly opened: TraceEventOf<"trace.opened">;
  readonly names: FunctionNames;
  /** Handed in with the submission. */
  readonly answers: readonly Answer[];
}

/** The facts of a trace as conditions ask for them. */
export class Evidence {
  readonly parameters: Parameters;
  readonly #byKind: ReadonlyMap<FactKind, readonly Fact[]>;
  readonly #student: string;
  readonly #names: FunctionNames;
  readonly #submitted: readonly Answer[];
  readonly #writes: readonly WriteFact[];
  readonly #machines: readonly FactOf<"machine_found">[];

  constructor({ facts, opened, names, answers }: EvidenceInput) {
    this.parameters = opened.parameters;
    this.#byKind = byKind(facts);
    this.#student = opened.user;
    this.#names = names;
    this.#submitted = answers;
    this.#writes = facts.filter((fact) => fact.kind === "registers_written" || fact.kind === "memory_written");
    this.#machines = newMachines(this.of("machine_found"));
  }

  /** In the order of their events. */
  of<K extends FactKind>(kind: K): readonly FactOf<K>[] {
    return (this.#byKind.get(kind) ?? []) as readonly FactOf<K>[];
  }

  /** Of the student's own doing, behind an event. */
  own<K extends FactKind>(kind: K, after = -1): readonly (FactOf<K> & { readonly who: Who })[] {
    return this.of(kind).filter(
      (fact): fact is FactOf<K> & { readonly who: Who } =>
        fact.event > after && "who" in fact && fact.who !== null && this.isStudent(fact.who),
    );
  }

  /** True for the session's student; what an instructor does earns no points. */
  isStudent(who: Who): boolean {
    return who.user === this.#student;
  }

  /** True unless someone else did it; the cell itself does nothing that a student might not. */
  mayCount(who: Who | null): boolean {
    return who === null || this.isStudent(who);
  }

  /** True where one of these is a name of the function in this image. */
  isOf(names: readonly string[], target: KernelFunction): boolean {
    const resolved = this.#names.resolve(target);
    return resolved.kind === "found" && names.some((name) => resolved.names.has(name));
  }

  /** The last answer to a question; `event` is null where it came with the submission. */
  answerTo(question: string): { readonly value: string; readonly event: number | null } | null {
    const handedIn = this.#submitted.findLast((answer) => answer.question === question);
    if (handedIn !== undefined) return { value: handedIn.value, event: null };
    return this.own("answered").findLast((fact) => fact.question === question) ?? null;
  }

  /** Writes to the machine's registers and memory, by anyone: those events before `event`, or all. */
  writes(before = Number.POSITIVE_INFINITY): readonly WriteFact[] {
    return this.#writes.filter((write) => write.event < before);
  }

  /** Why the machine's state at an event may be somebody's making; null where it is its own doing. */
  taintBefore(event: number): Taint | null {
    const machine = this.#machines.findLast((each) => each.event < event);
    if (machine?.saved) return { kind: "unknown_past", event: machine.event };
    const start = machine?.event ?? -1;
    const write = this.#firstWriteAfter(start);
    return write === null || write.event >= event ? null : { kind: "written", event: write.event };
  }

  /** By binary search: traces may hold as many writes as stops. */
  #firstWriteAfter(event: number): WriteFact | null {
    let low = 0;
    let high = this.#writes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#writes[middle]?.event ?? 0) <= event) low = middle + 1;
      else high = middle;
    }
    return this.#writes[low] ?? null;
  }

  /** The last stop before an event; null where there was none. By binary search: traces hold many of both. */
  stopBefore(event: number): StoppedFact | null {
    const stops = this.of("stopped");
    let low = 0;
    let high = stops.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((stops[middle]?.event ?? 0) < event) low = middle + 1;
      else high = middle;
    }
    return stops[low - 1] ?? null;
  }

  stopAt(event: number): StoppedFact | null {
    return this.of("stopped").find((stop) => stop.event === event) ?? null;
  }
}

export type WriteFact = FactOf<"registers_written" | "memory_written">;

export interface Taint {
  readonly kind: "written" | "unknown_past";
  readonly event: number;
}

function byKind(facts: readonly Fact[]): ReadonlyMap<FactKind, readonly Fact[]> {
  const sorted = new Map<FactKind, Fact[]>();
  for (const fact of facts) {
    const same = sorted.get(fact.kind);
    if (same === undefined) sorted.set(fact.kind, [fact]);
    else same.push(fact);
  }
  return sorted;
}

/**
 * Where a fresh machine of a new epoch begins: what was done to the one before it is gone. One that goes on from a
 * saved state has the past of that state: this trace's own, or, where it is the first, one that nobody knows.
 */
function newMachines(found: readonly FactOf<"machine_found">[]): readonly FactOf<"machine_found">[] {
  let newest = 0;
  return found.filter(({ epoch, saved }, index) => {
    if (epoch <= newest) return false;
    newest = epoch;
    return !saved || index === 0;
  });
}
