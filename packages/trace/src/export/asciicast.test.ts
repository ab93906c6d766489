import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NewTraceEvent, TraceEvent } from "../events.ts";
import { deriveFacts } from "../facts.ts";
import { parseSymbols, SymbolTable } from "../symbols.ts";
import { readAsciicast } from "../testing/asciicast-validator.ts";
import { playInAsciinema } from "../testing/asciinema-player.ts";
import { anyEvent } from "../testing/event-arbitrary.ts";
import { gReply } from "../testing/registers.ts";
import { TraceBuilder } from "../testing/trace-builder.ts";
import { type AsciicastOptions, asciicast } from "./asciicast.ts";

const SYMBOLS = parseSymbols("ffffffff81000000 T _stext\nffffffff81200bc0 T __sys_listen\n");
const LISTEN = 0xffffffff81200bc0n;

const output = (data: string): NewTraceEvent => ({ type: "console.output", data });
const typed = (data: string, connection = 2): NewTraceEvent => ({ type: "console.input", connection, data });
const stopped = (rip: bigint): NewTraceEvent => ({
  type: "machine.stopped",
  reply: "T05thread:01;",
  registers: gReply({ rip }),
  frames: [],
});
const utf8 = (text: string) => Buffer.from(text).toString("latin1");

function castOf(events: readonly TraceEvent[], options?: AsciicastOptions, symbols = SYMBOLS) {
  const facts = deriveFacts({ events, symbols, functions: [] });
  return readAsciicast([...asciicast({ events, facts, digest: "0".repeat(64) }, options)].join(""));
}

async function recorded(...events: readonly NewTraceEvent[]): Promise<readonly TraceEvent[]> {
  const trace = new TraceBuilder();
  trace.add(...events);
  return (await trace.seal().verify()).events;
}

const codes = ({ lines }: ReturnType<typeof castOf>) => lines.map(({ code, data }) => [code, data]);

describe("a console as asciicast v3", () => {
  it("has a header, what was printed, and a marker at each stop", async () => {
    const events = await recorded(output("MenuOS>>"), stopped(LISTEN), stopped(LISTEN + 4n), output("hi\r\n"));
    const cast = castOf(events);
    expect(cast.header).toMatchObject({ version: 3, term: { cols: 80, rows: 24 }, timestamp: 1_772_438_400 });
    expect(codes(cast)).toEqual([
      ["o", "MenuOS>>"],
      ["m", "stopped at __sys_listen"],
      ["m", "stopped at __sys_listen+0x4"],
      ["o", "hi\r\n"],
    ]);
    expect(cast.lines.map(({ interval }) => interval)).toEqual([0.001, 0.001, 0.001, 0.001]);
  });

  it("plays in asciinema-player: all that was printed, a marker at each stop, to the end", async () => {
    const [first = "", ...rest] = utf8("你");
    const shown = [output("MenuOS>>"), stopped(LISTEN), output(first), stopped(LISTEN + 4n)];
    const events = await recorded(...shown, output(rest.join("")), output("\x1b[1mhi\r\n"));
    const retimed = events.map((event, index) => ({ ...event, t: 60_000 * index }));
    const facts = deriveFacts({ events: retimed, symbols: SYMBOLS, functions: [] });
    const lines = [...asciicast({ events: retimed, facts, digest: "0".repeat(64) })];
    const played = await playInAsciinema(lines.join(""));
    const cast = readAsciicast(lines.join(""));
    const marks = cast.lines.filter(({ code }) => code === "m");
    expect(played.output).toBe(cast.lines.flatMap(({ code, data }) => (code === "o" ? [data] : [])).join(""));
    expect(played.output).toContain("hi\r\n");
    expect(played.markers).toEqual(marks.map(({ at, data }) => [at, data]));
    expect(played.markers).toHaveLength(2);
    expect(played.duration).toBe(cast.lines.at(-1)?.at);
    await expect(playInAsciinema("no recording")).rejects.toThrow();
  });

  it("marks stops by their address where the symbols are not at hand", async () => {
    const events = await recorded(stopped(LISTEN), stopped(0x401000n), {
      type: "machine.stopped",
      reply: "T05",
      registers: "",
      frames: [],
    });
    expect(codes(castOf(events, {}, new SymbolTable([]))).map(([, label]) => label)).toEqual([
      "stopped at 0xffffffff81200bc0",
      "stopped at 0x401000",
      "stopped",
    ]);
  });

  it("puts characters together that were cut between events, and shows what is no UTF-8", async () => {
    const [first = "", second = "", third = ""] = utf8("你");
    const events = await recorded(output(first), output(second), output(`${third}\xff好`.slice(0, 2)), output(first));
    expect(codes(castOf(events))).toEqual([
      ["o", "你\ufffd"],
      ["o", "\ufffd"],
    ]);
  });

  it("says where output is missing, and does not join what stood around the gap", async () => {
    const [first = "", ...rest] = utf8("你");
    const events = await recorded(output(first), { type: "console.dropped", bytes: 7 }, output(rest.join("")));
    expect(codes(castOf(events))).toEqual([
      ["o", "\ufffd"],
      ["m", "7 bytes of output were not recorded"],
      ["o", "\ufffd\ufffd"],
    ]);
  });

  it("tells what was typed only where it is asked for, each keyboard by itself", async () => {
    const [first = "", ...rest] = utf8("你");
    const events = await recorded(typed("ls\r"), typed(first, 2), typed(rest.join(""), 3), output("x"));
    expect(codes(castOf(events))).toEqual([["o", "x"]]);
    const withInput = castOf(events, { input: true, idleSeconds: 2 });
    expect(withInput.header.idle_time_limit).toBe(2);
    expect(codes(withInput)).toEqual([
      ["i", "ls\r"],
      ["i", "\ufffd\ufffd"],
      ["o", "x"],
    ]);
  });

  it("is valid whatever was recorded: intervals add up to the events' times, and the text is the console's", async () => {
    const times = fc.array(fc.integer({ min: 0, max: 1_000_000_000 }), { minLength: 60, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, { maxLength: 50 }), times, fc.boolean(), async (events, at, input) => {
        const sorted = at.sort((a, b) => a - b);
        const retimed = (await recorded(...events)).map((event, index) => ({
          ...event,
          t: (sorted[index] ?? 0) / 1_000,
        }));
        const cast = castOf(retimed, { input });
        const shown = new Set(["o", "m", ...(input ? ["i"] : [])]);
        expect(cast.lines.every(({ code }) => shown.has(code))).toBe(true);
        expect(cast.lines.every(({ interval }) => interval >= 0)).toBe(true);
        const facts = deriveFacts({ events: retimed, symbols: SYMBOLS, functions: [] });
        const stops = new Set(facts.flatMap(({ kind, event }) => (kind === "stopped" ? [event] : [])));
        const marked = retimed.filter(({ seq, type }) => stops.has(seq) || type === "console.dropped");
        const markers = cast.lines.filter(({ code }) => code === "m");
        expect(markers).toHaveLength(marked.length);
        const late = markers.filter(({ at: seconds }, index) => {
          return Math.abs(seconds * 1_000 - (marked[index]?.t ?? 0)) > 0.01;
        });
        expect(late).toEqual([]);
        const printed = cast.lines.filter(({ code }) => code === "o").map(({ data }) => data);
        if (!retimed.some(({ type }) => type === "console.dropped" || type === "machine.found")) {
          const bytes = retimed.flatMap((event) => (event.type === "console.output" ? [event.data] : [])).join("");
          expect(printed.join("")).toBe(
            new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.from(bytes, "latin1")),
          );
        }
      }),
    );
  });

  it("holds against times that no session has", async () => {
    const [opened] = await recorded();
    if (opened?.type !== "trace.opened") throw new Error("unreachable");
    expect(castOf([{ ...opened, wall: "0001-01-01T00:00:00Z" }]).header.timestamp).toBeUndefined();
    const events = (await recorded(output("a"), output("b"))).map((event) => ({ ...event, t: event.seq * 1e308 }));
    const cast = castOf(events);
    expect(cast.lines.map(({ data }) => data)).toEqual(["a", "b"]);
    expect(cast.lines[0]?.interval).toBeLessThan(1e9);
  });
});
