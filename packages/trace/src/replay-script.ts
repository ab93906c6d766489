import type { TraceEvent, TraceEventOf } from "./events.ts";

/**
 * What a replay of one recorded machine must do and find, as the trace tells it: stops, each with its registers, and
 * the debugger's writes, each at its count of guest instructions; and all that the guest wrote to its console.
 */
export type ReplayStep =
  | {
      readonly kind: "stop";
      readonly seq: number;
      readonly icount: number;
      /** `g` reply, hex. */
      readonly registers: string;
    }
  | {
      readonly kind: "write";
      readonly seq: number;
      readonly icount: number;
      /** Packet payload. */
      readonly data: string;
    };

export interface ConsolePiece {
  readonly seq: number;
  /** One character per byte. */
  readonly data: string;
}

export interface ReplayScript {
  readonly epoch: number;
  /** Contents of the template that it was a clone of. */
  readonly template: string;
  /** In the order of the trace. */
  readonly steps: readonly ReplayStep[];
  readonly console: readonly ConsolePiece[];
  /** The event since which the trace lacks console output; null where it has all. */
  readonly consoleLostAt: number | null;
  /** Stops without an instruction count: they cannot be found again. */
  readonly uncounted: number;
  /** The log; null where it was not kept. */
  readonly recording: TraceEventOf<"recording.kept"> | null;
  /** Its first and last event. */
  readonly from: number;
  readonly to: number;
}

type Growing<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

/** The recorded machines of a trace, by epoch. Machines that were not recorded are left out. */
export function replayScripts(events: readonly TraceEvent[]): readonly ReplayScript[] {
  const scripts = new Map<number, Growing<ReplayScript>>();
  let current: Growing<ReplayScript> | undefined;
  for (const event of events) {
    if (event.type === "machine.found") current = found(scripts, event);
    else if (event.type === "recording.kept") keep(scripts, event);
    else if (current !== undefined) add(current, event);
  }
  return [...scripts.values()];
}

function found(
  scripts: Map<number, Growing<ReplayScript>>,
  { epoch, template, seq }: TraceEventOf<"machine.found">,
): Growing<ReplayScript> | undefined {
  const known = scripts.get(epoch);
  if (known !== undefined) {
    // The recorder was away and is back; the guest may have written meanwhile.
    known.consoleLostAt ??= seq;
    return known;
  }
  if (template === undefined) return undefined;
  const script: Growing<ReplayScript> = {
    ...{ epoch, template, steps: [], console: [], consoleLostAt: null },
    ...{ uncounted: 0, recording: null, from: seq, to: seq },
  };
  scripts.set(epoch, script);
  return script;
}

function keep(scripts: Map<number, Growing<ReplayScript>>, event: TraceEventOf<"recording.kept">): void {
  const script = scripts.get(event.epoch);
  if (script !== undefined && script.template === event.template) script.recording = event;
}

function add(script: Growing<ReplayScript>, event: TraceEvent): void {
  const { seq } = event;
  script.to = seq;
  switch (event.type) {
    case "machine.stopped":
      if (event.icount === undefined) script.uncounted += 1;
      else script.steps.push({ kind: "stop", seq, icount: event.icount, registers: event.registers });
      break;
    case "machine.written":
      script.steps.push({ kind: "write", seq, icount: event.icount, data: event.data });
      break;
    case "console.output":
      script.console.push({ seq, data: event.data });
      break;
    case "console.dropped":
      script.consoleLostAt ??= seq;
      break;
    default:
      break;
  }
}
