import type { TraceEvent } from "../events.ts";
import { ConsoleText } from "./console-text.ts";
import { type ExportInput, microseconds, placeOfStop, stopsByEvent } from "./export-input.ts";

/**
 * The console of a session as asciicast v3 (docs.asciinema.org, "asciicast v3"): a header, then one event a line,
 * `[seconds since the event before, code, text]`. Codes: `o` output, `i` input, `m` a marker, here one at each stop
 * and where output was not recorded.
 */
export interface AsciicastOptions {
  /** Also what was typed; the guest echoes most of it. Default: no, as asciinema's own recorder has it. */
  readonly input?: boolean;
  /** A player shortens longer pauses to this many seconds. Default: it does not. */
  readonly idleSeconds?: number;
}

/** What a serial console takes for granted. */
const COLUMNS = 80;
const ROWS = 24;
const MICROSECONDS = 1_000_000;

/** The lines of the recording, each with its newline. */
export function* asciicast(input: ExportInput, options: AsciicastOptions = {}): Generator<string, void, void> {
  const cast = new Cast(input, options.input === true);
  yield header(input.events, options);
  for (const event of input.events) yield* cast.take(event);
  yield* cast.end();
}

function header(events: readonly TraceEvent[], { idleSeconds }: AsciicastOptions): string {
  const [opened] = events;
  const isOpened = opened?.type === "trace.opened";
  const timestamp = isOpened ? Math.floor(Date.parse(opened.wall) / 1_000) : -1;
  const values = {
    version: 3,
    term: { cols: COLUMNS, rows: ROWS, type: "vt100" },
    // The format has no word for a time before 1970.
    ...(timestamp >= 0 && { timestamp }),
    ...(isOpened && { title: `${opened.lab} ${opened.session}` }),
    ...(idleSeconds !== undefined && { idle_time_limit: idleSeconds }),
  };
  return `${JSON.stringify(values)}\n`;
}

type Code = "o" | "i" | "m";

class Cast {
  readonly #stops: ReturnType<typeof stopsByEvent>;
  readonly #withInput: boolean;
  readonly #output = new ConsoleText();
  #typed = { connection: 0, text: new ConsoleText() };
  /** Microseconds of the last line, and of the last event that was looked at. */
  #written = 0;
  #now = 0;

  constructor(input: ExportInput, withInput: boolean) {
    this.#stops = stopsByEvent(input.facts);
    this.#withInput = withInput;
  }

  *take(event: TraceEvent): Generator<string, void, void> {
    this.#now = Math.max(this.#now, microseconds(event.t));
    if (event.type === "console.output") yield* this.#line("o", this.#output.push(event.data));
    else if (event.type === "console.input" && this.#withInput) {
      yield* this.#line("i", this.#typedBy(event.connection).push(event.data));
    } else if (event.type === "console.dropped") {
      yield* this.#line("o", this.#output.end());
      yield* this.#line("m", `${event.bytes} bytes of output were not recorded`);
    } else if (event.type === "machine.found") yield* this.#line("o", this.#output.end());
    const stop = this.#stops.get(event.seq);
    if (stop === undefined) return;
    const place = placeOfStop(stop);
    yield* this.#line("m", place === null ? "stopped" : `stopped at ${place}`);
  }

  *end(): Generator<string, void, void> {
    yield* this.#line("o", this.#output.end());
  }

  /** A character is not put together from the keys of two keyboards. */
  #typedBy(connection: number): ConsoleText {
    if (this.#typed.connection !== connection) this.#typed = { connection, text: new ConsoleText() };
    return this.#typed.text;
  }

  *#line(code: Code, text: string): Generator<string, void, void> {
    if (text === "") return;
    // Whole microseconds, so that no rounding adds up over a long recording.
    const interval = (this.#now - this.#written) / MICROSECONDS;
    this.#written = this.#now;
    yield `[${interval}, "${code}", ${jsonText(text)}]\n`;
  }
}

/** The format wants what does not print as \uXXXX: JSON.stringify leaves some of it as it is. */
const UNPRINTED = /[\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb]/g;

function jsonText(text: string): string {
  return JSON.stringify(text).replace(
    UNPRINTED,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
