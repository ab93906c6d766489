import type { Parameters } from "@ringside/shared";
import { TEST_KEYS } from "../../../trace/src/testing/trace-builder.ts";
import type { ExpectedTrace } from "../ungradable.ts";
import { longSession } from "./long-session.ts";
import type { Scenario } from "./scenario.ts";

/** A student with a session of their own, done as it should be. */
export interface Honest {
  readonly student: number;
  readonly lines: readonly string[];
  readonly bytes: Buffer;
  readonly expected: ExpectedTrace;
}

/** Backlogs of students: no two have the same. */
const BACKLOG_FIRST = 17;

const idOf = (kind: "ses" | "usr", student: number) => `${kind}_${String(student).padStart(20, "0")}`;

/** What the opening of a student's recording says. */
export function headerOf(student: number) {
  const parameters: Parameters = { backlog: BACKLOG_FIRST + student, port: 5_001 + student, payload: `abc${student}` };
  return { session: idOf("ses", student), user: idOf("usr", student), parameters };
}

export function expectedOf({ header }: Scenario): ExpectedTrace {
  const { session, lab, image, parameters } = header;
  return { session, lab, image, parameters: parameters as Parameters, sealKeys: TEST_KEYS };
}

/** @param events of the recording, about */
export function honestSession(student: number, events: number): Honest {
  const scenario = longSession({ events, student }, headerOf(student));
  const { lines, bytes } = scenario.trace.seal();
  return { student, lines, bytes, expected: expectedOf(scenario) };
}
