import { REGISTER_LAYOUTS } from "@ringside/rsp";
import type { Arch } from "@ringside/shared";
import { BREAKPOINT_KINDS, type BreakpointLedger } from "./breakpoints.ts";
import type { Exchange } from "./exchanges.ts";
import type { Fact, StoppedFact, Who } from "./fact.ts";
import { READ_BYTES_KEPT_MAX } from "./limits.ts";
import type { Request } from "./packets.ts";
import { type Places, PROGRAM_COUNTERS, STACK_POINTERS } from "./places.ts";
import { hexOfRecorded } from "./reply-text.ts";
import { littleEndian, type ObjectLedger } from "./structures.ts";

/** What packets are told with. */
export interface PacketContext {
  readonly arch: Arch;
  readonly places: Places;
  readonly breakpoints: BreakpointLedger;
  readonly objects: ObjectLedger;
  /** Where the machine stands; null while it runs. */
  readonly standing: StoppedFact | null;
}

/** How a packet came to be. */
export interface Manner {
  /** The near agent answered it. */
  readonly told: boolean;
  /** Its debugger has shown the stop to its user. */
  readonly asked: boolean;
}

/** The facts of a packet and its answer. */
export function packetFacts(who: Who, exchange: Exchange, context: PacketContext, manner: Manner): readonly Fact[] {
  const { told } = manner;
  const { request, answer } = exchange;
  const base = { event: exchange.event, t: exchange.t, who };
  switch (request.kind) {
    case "breakpoint":
      return answer === "ok" ? breakpointFact(base, request, context) : [];
    case "read_registers": {
      if (answer !== "data") return [];
      return [{ kind: "registers_read", ...base, told, registers: registerNames(request, context.arch) }];
    }
    case "read_memory":
      return answer === "data" ? readFacts({ ...base, ...manner }, request, exchange.data, context) : [];
    case "write_registers": {
      if (didNothing(exchange)) return [];
      const registers = registerNames(request, context.arch);
      const jumped = registers === null || registers.includes(PROGRAM_COUNTERS[context.arch]);
      return [{ kind: "registers_written", ...base, sure: isSure(exchange), registers, jumped }];
    }
    case "resume": {
      if (!request.moves || didNothing(exchange)) return [];
      const registers = [PROGRAM_COUNTERS[context.arch]];
      return [{ kind: "registers_written", ...base, sure: answer === "stop", registers, jumped: true }];
    }
    case "write_memory": {
      const { address, bytes } = request;
      if (didNothing(exchange) && !mayBeHalfDone(exchange.answer, address, bytes)) return [];
      const symbol = context.places.symbols.lookupAny(address);
      const isCode = context.places.symbols.lookup(address) !== null;
      return [{ kind: "memory_written", ...base, sure: isSure(exchange), address, bytes, symbol, isCode }];
    }
    case "monitor":
      return [{ kind: "monitor", ...base, command: request.command, accepted: answer === "ok" || answer === "data" }];
    case "detach":
      return answer === "ok" || answer === "none" ? [{ kind: "detached", ...base }] : [];
    case "prompt":
    case "other":
      return [];
    default:
      return request satisfies never;
  }
}

interface Done {
  readonly event: number;
  readonly t: number;
  readonly who: Who;
}
type RequestOf<K extends Request["kind"]> = Extract<Request, { kind: K }>;

function breakpointFact(base: Done, request: RequestOf<"breakpoint">, context: PacketContext): readonly Fact[] {
  const kind = BREAKPOINT_KINDS[request.type];
  if (kind === undefined) return [];
  const { address, size } = request;
  if (request.insert) context.breakpoints.insert(base.who.connection, kind, address);
  else context.breakpoints.remove(base.who.connection, kind, address);
  return [
    {
      kind: request.insert ? "breakpoint_inserted" : "breakpoint_removed",
      ...base,
      breakpoint: kind,
      address,
      size,
      symbol: context.places.symbols.lookupAny(address),
      names: context.places.namesAt(address),
    },
  ];
}

function readFacts(
  { asked, ...base }: Done & Manner,
  { address, bytes }: { readonly address: bigint; readonly bytes: number },
  data: string | null,
  { places, objects, standing, arch }: PacketContext,
): readonly Fact[] {
  const kept = data === null ? null : hexOf(data);
  const read: Fact = {
    kind: "memory_read",
    ...base,
    address,
    bytes,
    symbol: places.symbols.lookupAny(address),
    value: kept === null || bytes === 0 ? null : littleEndian(kept, 0, bytes),
    asked,
    onStack: standing !== null && isOnStack(address, standing, arch),
  };
  const looks = objects.look(address, bytes, kept).map((look): Fact => ({ kind: "looked_at", ...base, ...look }));
  return [read, ...looks];
}

/** `m` is answered in hex; `x`, in gdb 16 and later, by "b" and the bytes themselves. */
function hexOf(data: string): string | null {
  if (data.startsWith("b") && data.length % 2 === 1) {
    return Buffer.from(data.slice(1, 1 + READ_BYTES_KEPT_MAX), "latin1").toString("hex");
  }
  return hexOfRecorded(data, 2 * READ_BYTES_KEPT_MAX);
}

/** A kernel stack is a block of its own size; of a program's, the nearest part is looked at. */
const KERNEL_STACK_BYTES = { x86_64: 16_384n, i386: 8_192n } as const satisfies Record<Arch, bigint>;
const USER_STACK_BYTES = 65_536n;

function isOnStack(address: bigint, { mode, registers }: StoppedFact, arch: Arch): boolean {
  const top = registers.get(STACK_POINTERS[arch]);
  if (top === undefined) return false;
  const size = KERNEL_STACK_BYTES[arch];
  if (mode === "user") return address >= top && address < top + USER_STACK_BYTES;
  // Just below the end of a block nothing is pushed yet.
  return address / size === top / size || (top % size === 0n && address / size === (top - 1n) / size);
}

function registerNames({ register }: { readonly register: number | null }, arch: Arch): readonly string[] | null {
  if (register === null) return null;
  const name = REGISTER_LAYOUTS[arch][register]?.name;
  return name === undefined ? [] : [name];
}

const PAGE_BYTES = 4_096n;

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
