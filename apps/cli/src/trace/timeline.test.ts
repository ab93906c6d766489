import { deriveFacts, type NewTraceEvent, parseSymbols, type TraceEvent } from "@ringside/trace";
import fc from "fast-check";
import { expect, test } from "vitest";
import { anyEvent } from "../../../../packages/trace/src/testing/event-arbitrary.ts";
import { TEST_USER, TraceBuilder } from "../../../../packages/trace/src/testing/trace-builder.ts";
import { jsonLine } from "../output/json-line.ts";
import { FACT_GROUPS, filterFacts, timelineLine } from "./timeline.ts";

const SYMBOLS = parseSymbols("ffffffff81000000 T _stext\nffffffff81200bc0 T __sys_listen\n");
const OPEN: readonly NewTraceEvent[] = [
  { type: "connection.opened", connection: 1, kind: "gdb", via: "link", user: TEST_USER, role: "driver" },
  { type: "connection.opened", connection: 2, kind: "console", via: "tcp", user: TEST_USER, role: "instructor" },
];

/** What a debugger or a keyboard may send, with bytes that a terminal would obey. */
const hostile = fc.constantFrom(..."\x1b]0;t\x07|\x9b2J|\r|\n|\0|\x7f|你|é|ls\r|\x1b[31m|\u202eab".split("|"));
const exchange = fc.record({
  packet: fc.oneof(
    fc.constantFrom("g", "p10", "mffffffff81200bc0,8", "Mffffffff81200bc0,1:90", "P10=00", "G00", "vCont;s:1", "c40"),
    fc.constantFrom("Z0,ffffffff81200bc0,1", "z0,ffffffff81200bc0,1", "Z2,1,8", "D", "qRcmd,1b5d30", "X1,1:\0"),
  ),
  reply: fc.constantFrom("OK", "E01", "", "00", "T05thread:01;"),
});
const session = fc.array(
  fc.oneof(
    exchange.map(({ packet, reply }): readonly NewTraceEvent[] => [
      { type: "gdb.packet", connection: 1, data: packet },
      { type: "gdb.reply", connection: 1, data: reply },
    ]),
    hostile.map((data): readonly NewTraceEvent[] => [
      { type: "console.output", data: Buffer.from(data).toString("latin1") },
      { type: "console.input", connection: 2, data: Buffer.from(data).toString("latin1") },
      { type: "answer.given", connection: 1, question: "q", value: data },
      { type: "gdb.noted", connection: 1, packets: [`m10,${data.length}`] },
    ]),
    anyEvent.map((event): readonly NewTraceEvent[] => [event]),
  ),
  { maxLength: 40 },
);

test("what the guest prints and a student types is UTF-8", () => {
  const trace = new TraceBuilder();
  trace.add(...OPEN);
  const bytes = Buffer.from("你好\r\n").toString("latin1");
  trace.add({ type: "console.output", data: `a\x9b${bytes}` }, { type: "console.input", connection: 2, data: bytes });
  const events = trace.lines.map((line): TraceEvent => JSON.parse(line));
  const facts = deriveFacts({ events, symbols: SYMBOLS, functions: [] });
  const lines = facts.slice(2).map((fact) => timelineLine(fact, "zh").trimEnd());
  expect(lines).toEqual([
    "    0.003 s       3                控制台:a\ufffd你好",
    "    0.004 s       4  2 instructor  输入:你好",
  ]);
});

test("every fact has a line in both languages that is safe for a terminal, and JSON", () => {
  fc.assert(
    fc.property(session, (events) => {
      const trace = new TraceBuilder();
      trace.add(...OPEN, ...events.flat());
      const read = trace.lines.map((line): TraceEvent => JSON.parse(line));
      const facts = deriveFacts({ events: read, symbols: SYMBOLS, functions: [] });
      for (const fact of facts) {
        for (const language of ["en", "zh"] as const) {
          const line = timelineLine(fact, language);
          // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
          expect(line).not.toMatch(/[\0-\x1f\x7f-\x9f\u202a-\u202e]/);
          expect(line).not.toContain("undefined");
        }
        const json = jsonLine(fact);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
        expect(json).not.toMatch(/[\0-\x1f\x7f-\x9f]/);
        expect(JSON.parse(json)).toMatchObject({ kind: fact.kind, event: fact.event });
      }
      const all = filterFacts(facts, { groups: FACT_GROUPS, since: 0, until: Number.POSITIVE_INFINITY });
      expect(all).toEqual(facts);
    }),
    { numRuns: 60 },
  );
});
