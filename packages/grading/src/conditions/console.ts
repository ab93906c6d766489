import type { Evidence } from "../evidence.ts";
import { met, type Outcome, unmet } from "../outcome.ts";
import { REASONS } from "../reasons.ts";
import type { Printed } from "../rubric.ts";
import { type Earlier, momentOf } from "./moments.ts";

/** The student typed the line at the console. */
export function consoleTyped(text: string, evidence: Evidence): Outcome {
  const found = evidence.own("console_typed").find(({ line }) => says(line, text));
  return found ? met(REASONS.typed(text), found.event) : unmet(REASONS.notTyped(text));
}

/** MenuOS takes a line's first word for the command, so that the rest of the line does not matter. */
function says(line: string, text: string): boolean {
  const words = line.trim().split(/\s+/);
  return words.join(" ") === text || words[0] === text;
}

/**
 * The guest printed the text. What was typed is echoed, and a shell prints what it is told to: a line counts only
 * where nobody had typed the text before, in whatever quotes and spaces, and no debugger had written to the machine.
 */
export function printed({ text, after }: Printed, evidence: Evidence, earlier: Earlier): Outcome {
  const moment = momentOf(earlier, after);
  const lines = evidence.of("console_printed").filter(({ line, event }) => event > moment && line.includes(text));
  const [first] = lines;
  if (first === undefined) return unmet(REASONS.notPrinted(text));
  const core = coreOf(text);
  const typed = evidence.of("console_typed").find(({ line }) => coreOf(line).includes(core));
  const found = lines.find(
    ({ event }) => (typed === undefined || event < typed.event) && evidence.taintBefore(event) === null,
  );
  if (found !== undefined) return met(REASONS.printed(text), found.event);
  if (typed !== undefined && first.event >= typed.event) {
    return unmet(REASONS.typedItself(text, typed.event), typed.event, first.event);
  }
  const taint = evidence.taintBefore(first.event);
  return unmet(REASONS.printedAfterWrite(text, taint?.event ?? 0), first.event);
}

/** Letters and digits alone, in lower case. */
const coreOf = (text: string): string => text.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, "");
