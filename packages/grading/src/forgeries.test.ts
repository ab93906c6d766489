import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { parsePacket } from "@ringside/rsp";
import { verifyTrace } from "@ringside/trace";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { requestOf } from "../../trace/src/packets.ts";
import { TEST_KEYS } from "../../trace/src/testing/trace-builder.ts";
import { type GradeInput, gradeTrace } from "./grade.ts";
import { parseRubricFile } from "./parse-rubric.ts";
import { pointsMaxOf, type Rubric } from "./rubric.ts";
import { FOREIGN_KEY, forgeBytes } from "./testing/byte-forgeries.ts";
import {
  BYTE_FAMILIES,
  drawFrom,
  type Family,
  type Forgery,
  membersOf,
  RECHAINED,
  rechain,
  SESSION_FAMILIES,
} from "./testing/forgery.ts";
import { expectedOf, honestSession } from "./testing/honest.ts";
import { FUNCTIONS, INSTRUCTOR, PROGRAM, type Scenario, STRUCTURES, SYMBOLS } from "./testing/scenario.ts";
import { forgeSession } from "./testing/session-forgeries.ts";

/** Tries of each family in one run. Some draw the same twice; more than 10,000 in all are different. */
const EACH = { bytes: 640, session: 260 } as const;
const STUDENTS = 12;
const EVENTS = 30;
const SEED = 20_260_302;
/** Some 20 s of CPU, on machines that have other work. */
const RUN_MS_MAX = 900_000;

const title = "title: { en: Title, zh: 标题 }";
const NET_LISTEN = await readFile(new URL("../../../course/labs/net-listen/rubric.yaml", import.meta.url), "utf8");
/** What the lab has, and every other condition that points can come from. */
const MORE = `
  - { id: whole, ${title}, points: 5, when: { stopped_at: { function: sys_listen, mode: kernel, args: { backlog: $backlog }, registers: { rsi: $backlog } } } }
  - { id: clean, ${title}, points: 5, needs: [stopped], when: { all_of: [{ stopped_at: { function: sys_listen, mode: kernel } }, { never: { jumped: true } }, { never: { wrote_registers: true } }, { never: { wrote_memory: true } }] } }
  - { id: silent, ${title}, points: 5, when: { breakpoint_silent: { function: __x64_sys_listen, while: stopped } } }
  - { id: looked, ${title}, points: 5, when: { looked_at: { structure: socket, member: ops, told: refuse } } }
  - { id: printed, ${title}, points: 5, when: { printed: { text: said hello } } }
  - { id: answered, ${title}, points: 5, when: { answered: { question: backlog, equals: { from: { check: stopped, argument: backlog } } } } }
`;
const QUESTIONS = `questions: [{ id: backlog, kind: number, ${title} }]\n`;
const RUBRIC = parseRubricFile("rubric.yaml", QUESTIONS + NET_LISTEN + MORE);
/** The same, with the rule left out that a stop proves nothing once a debugger wrote. */
const ACCEPTING = parseRubricFile(
  "rubric.yaml",
  (QUESTIONS + NET_LISTEN + MORE).replaceAll("stopped_at: { function: sys_listen,", "$& after_writes: accept,"),
);

const students = Array.from({ length: STUDENTS }, (_, student) => honestSession(student, EVENTS));

type Given = Partial<Pick<GradeInput, "answers" | "expected">> & { readonly rubric?: Rubric };

async function grade({ bytes, expected, answers }: Pick<Forgery, "bytes" | "expected" | "answers">, given: Given = {}) {
  const trace = await verifyTrace(bytes);
  return gradeTrace({
    ...{ trace, rubric: RUBRIC, rubricDigest: "a".repeat(64), symbols: SYMBOLS, functions: FUNCTIONS },
    ...{ structures: STRUCTURES, program: PROGRAM, expected, answers },
    // Even the books say what the forger wants.
    traceDigest: trace.status === "intact" ? trace.digest : "0".repeat(64),
    ...given,
  });
}

/** Graded, and for more than what is honest about it. */
async function isAccepted(forgery: Forgery, given: Given = {}): Promise<boolean> {
  const { outcome, points } = await grade(forgery, given);
  return outcome === "graded" && (forgery.earned === null || points > forgery.earned);
}

const earnedBy = async (bytes: Buffer, honest: Scenario) =>
  (await grade({ bytes, expected: expectedOf(honest) })).points;

async function forge(family: Family, number: number): Promise<Forgery> {
  const draw = drawFrom(SEED + 7_919 * number + family.length);
  const ofBytes = BYTE_FAMILIES.find((each) => each === family);
  if (ofBytes !== undefined) return forgeBytes(ofBytes, students, draw);
  const ofSession = SESSION_FAMILIES.find((each) => each === family);
  if (ofSession === undefined) throw new Error(`no family ${family}`);
  return forgeSession(ofSession, number % STUDENTS, draw, earnedBy);
}

/** What was done in those of a family that are accepted. @param seen names of those that were tried */
async function acceptedOf(
  family: Family,
  tries: number,
  given: (forgery: Forgery) => Given = () => ({}),
  seen = new Set<string>(),
) {
  const accepted: string[] = [];
  for (let number = 0; number < tries; number += 1) {
    const forgery = await forge(family, number);
    const name = nameOf(forgery);
    if (!seen.has(name) && (await isAccepted(forgery, given(forgery)))) accepted.push(forgery.what);
    seen.add(name);
  }
  return accepted;
}

const nameOf = ({ bytes, expected, answers }: Forgery) =>
  createHash("sha256").update(bytes).update(JSON.stringify({ expected, answers })).digest("hex");

describe("forgeries", () => {
  it("begin with sessions that earn what there is", async () => {
    for (const { bytes, expected } of students) {
      const { outcome, points, verdicts } = await grade({ bytes, expected });
      expect(outcome).toBe("graded");
      const missed = verdicts.filter(({ verdict }) => verdict !== "pass").map(({ check }) => check);
      // Not every one set that breakpoint, and none of them was asked.
      expect(missed.filter((check) => check !== "silent")).toEqual(["printed", "answered"]);
      expect(points).toBeGreaterThanOrEqual(pointsMaxOf(RUBRIC) - 15);
    }
  });

  it(
    "are not accepted, none of more than ten thousand",
    async () => {
      const before = process.cpuUsage();
      const counts: [string, number][] = [];
      for (const family of [...BYTE_FAMILIES, ...SESSION_FAMILIES]) {
        const tries = BYTE_FAMILIES.some((each) => each === family) ? EACH.bytes : EACH.session;
        const seen = new Set<string>();
        expect(await acceptedOf(family, tries, undefined, seen), family).toEqual([]);
        counts.push([family, seen.size]);
      }
      const { user, system } = process.cpuUsage(before);
      const total = counts.reduce((sum, [, count]) => sum + count, 0);
      expect(total).toBeGreaterThanOrEqual(10_000);
      const rows = counts.map(([family, count]) => `${family}: ${count} different ones, 0 accepted`);
      console.info([...rows, `${total} in ${((user + system) / 1e6).toFixed(1)} s of CPU`].join("\n"));
    },
    RUN_MS_MAX,
  );
});

describe("the search for forgeries finds planted holes", () => {
  const COUNT = 60;

  it.each(RECHAINED)("%s, where nobody looks at the signature", async (family) => {
    const unchecked = ({ expected }: Forgery): Given => ({ expected: { ...expected, sealKeys: "unchecked" } });
    expect((await acceptedOf(family, COUNT, unchecked)).length).toBeGreaterThan(COUNT / 4);
  });

  it("another key, where any key is taken for the cell's", async () => {
    const believed = ({ expected }: Forgery): Given => ({
      expected: { ...expected, sealKeys: [...TEST_KEYS, FOREIGN_KEY] },
    });
    expect((await acceptedOf("re-chained, another key", COUNT, believed)).length).toBeGreaterThan(COUNT / 4);
  });

  it("another student's recording, where nobody asks whose it is", async () => {
    const whosever = (forgery: Forgery): Given => {
      const of = students.find(({ bytes }) => bytes.equals(forgery.bytes));
      return of === undefined ? {} : { expected: of.expected };
    };
    expect((await acceptedOf("another student's", COUNT, whosever)).length).toBeGreaterThan(COUNT / 6);
  });

  it.each(["somebody else's hand", "console imitated"] as const)(
    "%s, where it is taken for the student's",
    async (family) => {
      let accepted = 0;
      for (let number = 0; number < COUNT; number += 1) {
        const { expected, ...forgery } = await forge(family, number);
        const lines = forgery.bytes.toString("utf8").trimEnd().split("\n");
        const [opened] = lines.map(membersOf);
        const own = lines.map((line) => membersOf(line.replaceAll(INSTRUCTOR, String(opened?.user))));
        const bytes = rechain(own, "re-chained without a key");
        if (await isAccepted({ ...forgery, expected: { ...expected, sealKeys: "unchecked" }, bytes })) accepted += 1;
      }
      expect(accepted).toBeGreaterThan(0);
    },
  );

  it.each(["jumped", "registers written", "memory written", "hidden writes", "unknown past"] as const)(
    "%s, where stops count after writes",
    async (family) => {
      expect((await acceptedOf(family, COUNT, () => ({ rubric: ACCEPTING }))).length).toBeGreaterThan(COUNT / 2);
    },
  );
});

describe("a write that the proxy lets through", () => {
  const digits = (max: number) =>
    fc.string({ unit: fc.constantFrom(..."0123456789abcdefABCDEF"), minLength: 1, maxLength: max });
  const data = fc.string({ unit: fc.constantFrom("0", "9", "a", "F", "x", "\0", ";", "*"), maxLength: 12 });
  const payload = fc.oneof(
    fc
      .tuple(fc.constantFrom("M", "X"), digits(18), fc.integer({ min: 0, max: 6 }), data)
      .map(([letter, at, length, text]) => `${letter}${at},${length.toString(16)}:${text}`),
    fc.tuple(digits(10), data).map(([register, text]) => `P${register}=${text}`),
    data.map((text) => `G${text}`),
    fc
      .tuple(fc.constantFrom("c", "s", "C05;", "S05;", "C5;", "C;", "vCont;c;", "vCont;s:"), digits(18))
      .map((parts) => parts.join("")),
  );

  it("is a write to whoever grades, however it is spelt", () => {
    let writes = 0;
    fc.assert(
      fc.property(payload, (text) => {
        const packet = parsePacket(text);
        const request = requestOf(text);
        if (packet.kind === "G" || packet.kind === "P") expect(request.kind).toBe("write_registers");
        else if ((packet.kind === "M" || packet.kind === "X") && packet.length > 0) {
          expect(request).toMatchObject({ kind: "write_memory", address: packet.address, bytes: packet.length });
        } else if (packet.kind === "resume" && packet.at !== null) {
          expect(request).toEqual({ kind: "resume", moves: true });
        } else return;
        writes += 1;
      }),
      { numRuns: 5_000 },
    );
    expect(writes).toBeGreaterThan(500);
  });
});
