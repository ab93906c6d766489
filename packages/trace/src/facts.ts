import type { FunctionRow, StructureRow } from "@ringside/shared";
import { BreakpointLedger } from "./breakpoints.ts";
import { PrintedLines, TypedLines } from "./console-lines.ts";
import type { TraceEvent, TraceEventOf } from "./events.ts";
import { type Exchange, Exchanges } from "./exchanges.ts";
import type { Fact, StoppedFact, Who } from "./fact.ts";
import { FunctionTable } from "./functions.ts";
import { type Manner, type PacketContext, packetFacts } from "./packet-facts.ts";
import { requestOf } from "./packets.ts";
import { Places } from "./places.ts";
import { Stepping } from "./stepping.ts";
import { type RecordedStop, stoppedFact } from "./stop-fact.ts";
import { ObjectLedger } from "./structures.ts";
import type { SymbolTable } from "./symbols.ts";

export interface FactsInput {
  /** Events of a trace from its first on, as `verifyTrace` gives them. */
  readonly events: readonly TraceEvent[];
  readonly symbols: SymbolTable;
  /** The image's table of functions. */
  readonly functions: readonly FunctionRow[];
  /** The image's table of structures, where it has one. */
  readonly structures?: readonly StructureRow[] | undefined;
  /** Symbols of the lab's own program, where it has one. */
  readonly program?: SymbolTable | undefined;
}

/** Derives what happened from a trace's Events. Pure: the same input gives the same Facts, in event order. */
export function deriveFacts(input: FactsInput): readonly Fact[] {
  const opened = input.events[0];
  if (opened?.type !== "trace.opened") return [];
  const reading = new FactReading(opened, input);
  for (const event of input.events) reading.take(event);
  return reading.finish();
}

interface Client {
  readonly who: Who;
  readonly kind: "gdb" | "console";
  readonly exchanges: Exchanges;
  readonly typed: TypedLines;
}

class FactReading {
  readonly #arch: TraceEventOf<"trace.opened">["arch"];
  readonly #places: Places;
  readonly #objects: ObjectLedger;
  readonly #clients = new Map<number, Client>();
  readonly #breakpoints = new BreakpointLedger();
  readonly #stepping: Stepping;
  readonly #printed = new PrintedLines();
  readonly #facts: Fact[] = [];
  #lastResume: { readonly who: Who | null; readonly action: "continue" | "step" } | null = null;
  #standing: StoppedFact | null = null;
  #epoch = 0;

  constructor(opened: TraceEventOf<"trace.opened">, { events, symbols, functions, structures, program }: FactsInput) {
    this.#arch = opened.arch;
    this.#places = new Places(symbols, new FunctionTable(symbols, functions, opened.arch), program ?? null);
    this.#objects = new ObjectLedger(structures ?? [], symbols);
    this.#stepping = new Stepping(this.#breakpoints, promptingConnections(events));
  }

  take(event: TraceEvent): void {
    const at = { event: event.seq, t: event.t };
    switch (event.type) {
      case "trace.opened":
      case "trace.sealed":
      case "console.dropped":
      case "machine.hibernated":
      case "machine.saved":
      case "machine.written":
      case "recording.kept":
      case "seat.taken":
        return;
      case "trace.resumed":
        // The recorder died, and with it every connection.
        for (const connection of this.#clients.keys()) this.#leave(connection, at, "the recorder restarted");
        return;
      case "machine.found":
        this.#found(event, at);
        return;
      case "machine.gone":
        this.#standing = null;
        this.#facts.push({ kind: "machine_gone", ...at, epoch: event.epoch });
        return;
      case "connection.opened":
        this.#enter(event, at);
        return;
      case "connection.closed":
        this.#leave(event.connection, at, event.why);
        return;
      case "machine.resumed":
        this.#resumed(event, at);
        return;
      case "machine.stopped":
        for (const client of this.#clients.values()) this.#ended(client, client.exchanges.stopped());
        this.#stopped(event, event.steps);
        return;
      case "machine.rewound":
        this.#rewound(event);
        return;
      case "console.output":
        for (const line of this.#printed.push(event.data)) this.#facts.push({ kind: "console_printed", ...at, line });
        return;
      default:
        this.#fromClient(event, at);
    }
  }

  /** The facts, in the order of their events. */
  finish(): readonly Fact[] {
    for (const client of this.#clients.values()) this.#ended(client, client.exchanges.end());
    this.#facts.push(...this.#stepping.finish());
    // A packet whose answer came late gives its fact late, as do steps.
    return this.#facts.sort((a, b) => a.event - b.event);
  }

  #found({ epoch, from }: TraceEventOf<"machine.found">, at: At): void {
    if (epoch !== this.#epoch) this.#objects.forget();
    this.#epoch = epoch;
    this.#facts.push({ kind: "machine_found", ...at, epoch, saved: from === "state" });
  }

  #enter({ connection, kind, user, role, via }: TraceEventOf<"connection.opened">, at: At): void {
    const who = { connection, user, role };
    this.#clients.set(connection, { who, kind, exchanges: new Exchanges(), typed: new TypedLines() });
    this.#facts.push({ kind: "attached", ...at, who, to: kind, via });
  }

  #leave(connection: number, at: At, why: string): void {
    const client = this.#clients.get(connection);
    if (client === undefined) return;
    this.#ended(client, client.exchanges.end());
    this.#breakpoints.forget(connection);
    this.#clients.delete(connection);
    this.#facts.push({ kind: "left", ...at, who: client.who, from: client.kind, why });
  }

  #resumed({ connection, action: how }: TraceEventOf<"machine.resumed">, at: At): void {
    const who = this.#clients.get(connection)?.who ?? null;
    const action = how === "range" ? "step" : how;
    this.#lastResume = { who, action };
    this.#standing = null;
    this.#facts.push(...this.#stepping.resumed(who, how), { kind: "resumed", ...at, who, action });
  }

  #stopped(event: RecordedStop, steps: number | undefined): void {
    this.#stepping.stopped(this.#stands(event), steps);
  }

  #stands(event: RecordedStop): StoppedFact {
    const stop = stoppedFact(event, {
      arch: this.#arch,
      places: this.#places,
      breakpoints: this.#breakpoints,
      lastResume: this.#lastResume,
    });
    for (const { structure, value } of stop.arguments) {
      if (structure !== null && value !== null) this.#objects.learn(structure, value);
    }
    this.#standing = stop;
    this.#facts.push(stop);
    return stop;
  }

  /** The stop at the last of the steps ahead was nobody's: the one that its debugger was shown takes its place. */
  #rewound({ seq, t, reply, registers, steps }: TraceEventOf<"machine.rewound">): void {
    if (this.#standing === null) return;
    this.#facts.splice(this.#facts.lastIndexOf(this.#standing), 1);
    this.#stepping.putBack(this.#stands({ seq, t, reply, registers, frames: [] }), steps);
  }

  #fromClient(event: ClientEvent, at: At): void {
    const client = this.#clients.get(event.connection);
    // Of a connection that was never opened: nothing is known of who that was.
    if (client === undefined) return;
    switch (event.type) {
      case "gdb.packet":
        this.#ended(client, client.exchanges.packet(event.seq, event.t, event.data));
        return;
      case "gdb.reply":
        this.#ended(client, client.exchanges.reply(event.data));
        return;
      case "gdb.refused":
        client.exchanges.refuse();
        return;
      case "gdb.noted":
        for (const packet of event.packets) this.#noted(client, packet, at);
        return;
      case "answer.given": {
        const { question, value } = event;
        this.#facts.push({ kind: "answered", ...at, who: client.who, question, value });
        return;
      }
      case "gdb.interrupt":
        this.#facts.push({ kind: "interrupted", ...at, who: client.who });
        return;
      case "console.input":
        for (const line of client.typed.push(event.data)) {
          this.#facts.push({ kind: "console_typed", ...at, who: client.who, line });
        }
        return;
      default:
        event satisfies never;
    }
  }

  /** What the near agent answered: only reading is told of, and what it answers is data. */
  #noted({ who }: Client, packet: string, { event, t }: At): void {
    const request = requestOf(packet);
    if (request.kind === "prompt") this.#stepping.prompt(who.connection);
    if (request.kind !== "read_registers" && request.kind !== "read_memory") return;
    const exchange = { request, event, t, answer: "data", alone: true, data: null } as const;
    this.#facts.push(...packetFacts(who, exchange, this.#context, this.#manner(who, true)));
  }

  #ended({ who }: Client, exchanges: readonly Exchange[]): void {
    for (const exchange of exchanges) {
      if (exchange.request.kind === "prompt") this.#stepping.prompt(who.connection);
      this.#facts.push(...packetFacts(who, exchange, this.#context, this.#manner(who, false)));
    }
  }

  #manner({ connection }: Who, told: boolean): Manner {
    return { told, asked: this.#stepping.isAsked(connection) };
  }

  get #context(): PacketContext {
    return {
      arch: this.#arch,
      places: this.#places,
      breakpoints: this.#breakpoints,
      objects: this.#objects,
      standing: this.#standing,
    };
  }
}

/** Connections whose debugger tells when a command is done. */
function promptingConnections(events: readonly TraceEvent[]): ReadonlySet<number> {
  const found = new Set<number>();
  for (const event of events) {
    if (event.type === "gdb.packet" && requestOf(event.data).kind === "prompt") found.add(event.connection);
    if (event.type === "gdb.noted" && event.packets.some((packet) => requestOf(packet).kind === "prompt")) {
      found.add(event.connection);
    }
  }
  return found;
}

interface At {
  readonly event: number;
  readonly t: number;
}
type ClientEvent = TraceEventOf<
  "gdb.packet" | "gdb.reply" | "gdb.refused" | "gdb.interrupt" | "gdb.noted" | "answer.given" | "console.input"
>;
