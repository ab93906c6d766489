import type { StoppedFact } from "@ringside/trace";
import type { Evidence } from "../evidence.ts";
import { met, type Outcome, unmet } from "../outcome.ts";
import { REASONS } from "../reasons.ts";
import type { Answered, AnswerSource, RightAnswer } from "../rubric.ts";
import { type Earlier, momentOf } from "./moments.ts";

/** The last answer to the question is one of the right ones. */
export function answered(condition: Answered, evidence: Evidence, earlier: Earlier): Outcome {
  const { question, right, tolerance } = condition;
  const answer = evidence.answerTo(question);
  if (answer === null) return unmet(REASONS.notAnswered(question));
  const events = answer.event === null ? [] : [answer.event];
  const judged = right.map((each) => judge(answer.value, each, tolerance, { evidence, earlier }));
  const value = answer.value.trim();
  const found = judged.find(({ is }) => is === "right");
  if (found !== undefined) return met(REASONS.answered(question, value), ...found.events, ...events);
  const unknown = right.find((_, index) => judged[index]?.is === "unknown");
  return unknown?.kind === "from"
    ? unmet(REASONS.answerUnknown(question, unknown.check), ...events)
    : unmet(REASONS.wrongAnswer(question, value), ...events);
}

interface Trace {
  readonly evidence: Evidence;
  readonly earlier: Earlier;
}

interface Judged {
  readonly is: "right" | "wrong" | "unknown";
  /** Where the right answer stands. */
  readonly events: readonly number[];
}

function judge(answer: string, right: RightAnswer, tolerance: bigint, { evidence, earlier }: Trace): Judged {
  const judged = (isRight: boolean, ...events: readonly number[]): Judged => ({
    is: isRight ? "right" : "wrong",
    events,
  });
  switch (right.kind) {
    case "value":
      return judged(isNumber(answer, right.value, tolerance));
    case "parameter": {
      const value = evidence.parameters[right.name] ?? "";
      return judged(typeof value === "number" ? isNumber(answer, BigInt(value), tolerance) : isText(answer, value));
    }
    case "text":
      return judged(isText(answer, right.text));
    case "function":
      return judged(evidence.isOf([answer.trim().replace(/\(\)$/, "")], right.function));
    case "from": {
      const found = sourceValue(right.source, momentsOf(earlier, right.check), { evidence, earlier });
      if (found === null) return { is: "unknown", events: [] };
      return judged(isNumber(answer, found.value, tolerance), found.event);
    }
    default:
      return right satisfies never;
  }
}

const momentsOf = (earlier: Earlier, check: string): readonly number[] => {
  const moment = momentOf(earlier, check);
  return [...(earlier.get(check)?.events ?? [])].filter((event) => event <= moment);
};

function sourceValue(
  source: AnswerSource,
  moments: readonly number[],
  { evidence }: Trace,
): { readonly value: bigint; readonly event: number } | null {
  if (source.of === "member") {
    const from = Math.max(-1, ...moments);
    const look = evidence
      .own("looked_at", from - 1)
      .findLast(
        ({ structure, member, value }) => structure === source.structure && member === source.member && value !== null,
      );
    return look?.value == null ? null : { value: look.value, event: look.event };
  }
  for (const event of [...moments].reverse()) {
    const stop = evidence.stopAt(event);
    const value = stop === null ? undefined : inStop(stop, source);
    if (value !== undefined && value !== null) return { value, event };
  }
  return null;
}

function inStop(stop: StoppedFact, source: Exclude<AnswerSource, { of: "member" }>): bigint | null | undefined {
  switch (source.of) {
    case "argument":
      return stop.arguments.find(({ name }) => name === source.name)?.value;
    case "register":
      return stop.registers.get(source.name);
    case "user_register":
      return stop.user?.registers.get(source.name);
    case "syscall":
      return stop.user?.nr;
    default:
      return source satisfies never;
  }
}

const NUMBER = /^([+-]?)(?:0[xX]([0-9a-fA-F]{1,16})|0[oO]([0-7]{1,22})|0[bB]([01]{1,64})|([0-9]{1,24}))$/;
const C_OCTAL = /^0[0-7]+$/;

/** A number as C writes it: decimal, 0x hex, 0 or 0o octal, 0b binary; null where it is none. */
export function readNumber(text: string): bigint | null {
  const parts = NUMBER.exec(text.trim().replaceAll(/[_\s]/g, ""));
  if (parts === null) return null;
  const [, sign, hex, octal, binary, decimal = ""] = parts;
  const number =
    hex !== undefined
      ? BigInt(`0x${hex}`)
      : octal !== undefined
        ? BigInt(`0o${octal}`)
        : binary !== undefined
          ? BigInt(`0b${binary}`)
          : BigInt(C_OCTAL.test(decimal) ? `0o${decimal}` : decimal);
  return sign === "-" ? -number : number;
}

/** gdb shows one value in several ways: signed or not, in 32 bits or in 64. */
function isNumber(answer: string, right: bigint, tolerance: bigint): boolean {
  const number = readNumber(answer);
  if (number === null) return false;
  const off = number - right;
  if ((off < 0n ? -off : off) <= tolerance) return true;
  const isWord = right >= -0x8000_0000n && right < 0x1_0000_0000n && number >= -0x8000_0000n && number < 0x1_0000_0000n;
  return (
    BigInt.asUintN(64, number) === BigInt.asUintN(64, right) ||
    (isWord && BigInt.asUintN(32, number) === BigInt.asUintN(32, right))
  );
}

function isText(answer: string, right: string): boolean {
  return plain(answer) === plain(right);
}

const plain = (text: string): string => text.normalize("NFKC").trim().toLowerCase().replaceAll(/\s+/g, " ");
