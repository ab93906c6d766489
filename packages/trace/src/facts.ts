import type { FunctionRow } from "@ringside/shared";
import { BREAKPOINT_KINDS, BreakpointLedger } from "./breakpoints.ts";
import { PrintedLines, TypedLines } from "./console-lines.ts";
import type { TraceEvent, TraceEventOf } from "./events.ts";
import { type Exchange, Exchanges } from "./exchanges.ts";
import type { Fact, Who } from "./fact.ts";
import { FunctionTable } from "./functions.ts";
import { requestOf } from "./packets.ts";
import { stoppedFact } from "./stop-fact.ts";
import type { SymbolTable } from "./symbols.ts";

export interface FactsInput {
  /** Events of a trace from its first on, as `verifyTrace` gives them. */
  readonly events: readonly TraceEvent[];
  readonly symbols: SymbolTable;
  /** The image's table of functions. */
  readonly functions: readonly FunctionRow[];
}

/** Derives what happened from a trace's Events. Pure: the same input gives the same Facts, in event order. */
export function deriveFacts({ events, symbols, functions }: FactsInput): readonly Fact[] {
  const opened = events[0];
  if (opened?.type !== "trace.opened") return [];
  const reading = new FactReading(opened, symbols, new FunctionTable(symbols, functions, opened.arch));
  for (const event of events) reading.take(event);
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
  readonly #symbols: SymbolTable;
  readonly #functions: FunctionTable;
  readonly #clients = new Map<number, Client>();
  readonly #breakpoints = new BreakpointLedger();
  readonly #printed = new PrintedLines();
  readonly #facts: Fact[] = [];
  #lastResume: { readonly who: Who | null; readonly action: "continue" | "step" } | null = null;

  constructor(opened: TraceEventOf<"trace.opened">, symbols: SymbolTable, functions: FunctionTable) {
    this.#arch = opened.arch;
    this.#symbols = symbols;
    this.#functions = functions;
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
        this.#facts.push({ kind: "machine_found", ...at, epoch: event.epoch });
        return;
      case "machine.gone":
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
        this.#stopped(event);
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
    // A packet whose answer came late gives its fact late.
    return this.#facts.sort((a, b) => a.event - b.event);
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
    this.#facts.push({ kind: "resumed", ...at, who, action });
  }

  #stopped(event: TraceEventOf<"machine.stopped">): void {
    for (const client of this.#clients.values()) this.#ended(client, client.exchanges.stopped());
    const context = {
      arch: this.#arch,
      functions: this.#functions,
      breakpoints: this.#breakpoints,
      lastResume: this.#lastResume,
    };
    this.#facts.push(stoppedFact(event, context));
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
  #noted(client: Client, data: string, { event, t }: At): void {
    const request = requestOf(data);
    if (request.kind !== "read_registers" && request.kind !== "read_memory") return;
    const fact = this.#factOf(client.who, { request, event, t, answer: "data", alone: true });
    if (fact !== null) this.#facts.push(fact);
  }

  #ended(client: Client, exchanges: readonly Exchange[]): void {
    for (const exchange of exchanges) {
      const fact = this.#factOf(client.who, exchange);
      if (fact !== null) this.#facts.push(fact);
    }
  }

  #factOf(who: Who, exchange: Exchange): Fact | null {
    const { request, answer } = exchange;
    const base = { event: exchange.event, t: exchange.t, who };
    switch (request.kind) {
      case "breakpoint":
        return answer === "ok" ? this.#breakpoint(base, request) : null;
      case "read_registers":
        return answer === "data" ? { kind: "registers_read", ...base } : null;
      case "read_memory": {
        const { address, bytes } = request;
        if (answer !== "data") return null;
        return { kind: "memory_read", ...base, address, bytes, symbol: this.#symbols.lookupAny(address) };
      }
      case "write_registers":
        return didNothing(exchange) ? null : { kind: "registers_written", ...base, sure: isSure(exchange) };
      case "resume":
        if (!request.moves || didNothing(exchange)) return null;
        return { kind: "registers_written", ...base, sure: answer === "stop" };
      case "write_memory": {
        const { address, bytes } = request;
        if (didNothing(exchange) && !mayBeHalfDone(exchange.answer, address, bytes)) return null;
        const symbol = this.#symbols.lookupAny(address);
        return { kind: "memory_written", ...base, sure: isSure(exchange), address, bytes, symbol };
      }
      case "monitor":
        return { kind: "monitor", ...base, command: request.command, accepted: answer === "ok" || answer === "data" };
      case "detach":
        return answer === "ok" || answer === "none" ? { kind: "detached", ...base } : null;
      case "other":
        return null;
      default:
        return request satisfies never;
    }
  }

  #breakpoint(base: At & { readonly who: Who }, request: BreakpointRequest): Fact | null {
    const kind = BREAKPOINT_KINDS[request.type];
    if (kind === undefined) return null;
    const { address, size } = request;
    if (request.insert) this.#breakpoints.insert(base.who.connection, kind, address);
    else this.#breakpoints.remove(base.who.connection, kind, address);
    const place = this.#functions.at(address, new Map());
    return {
      kind: request.insert ? "breakpoint_inserted" : "breakpoint_removed",
      ...base,
      breakpoint: kind,
      address,
      size,
      symbol: place?.symbol ?? this.#symbols.lookupAny(address),
      names: place?.names ?? [],
    };
  }
}

const PAGE_BYTES = 4_096n;

interface At {
  readonly event: number;
  readonly t: number;
}
type BreakpointRequest = Extract<Exchange["request"], { kind: "breakpoint" }>;
type ClientEvent = TraceEventOf<
  "gdb.packet" | "gdb.reply" | "gdb.refused" | "gdb.interrupt" | "gdb.noted" | "answer.given" | "console.input"
>;

/** A write that surely had no effect. What is not sure counts as done: a write must not be hidden. */
function didNothing({ answer, alone }: Exchange): boolean {
  return alone && (answer === "refused" || answer === "error" || answer === "empty");
}

/** QEMU writes page by page and stops at the first that is not there: an error says nothing of those before. */
function mayBeHalfDone(answer: Exchange["answer"], address: bigint, bytes: number): boolean {
  return answer === "error" && address / PAGE_BYTES !== (address + BigInt(bytes) - 1n) / PAGE_BYTES;
}

function isSure({ answer, alone }: Exchange): boolean {
  return alone && answer === "ok";
}
