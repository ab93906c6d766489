import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { lookUp } from "@ringside/grading";
import type { DigitsOrigin, LabFile, LabTables, ParameterRule, Parameters, ParameterValue } from "@ringside/shared";

/**
 * A student's own values: HMAC-SHA256 under the course's secret of who, which lab and which parameter. The same
 * student always gets the same values, other students cannot work them out, and nothing needs to be stored.
 */
export interface ParameterSeed {
  /** The course's secret, hex. */
  readonly secret: string;
  /** The user's id, which stands for somebody who has no student number. */
  readonly user: string;
  readonly studentNumber: string | null;
  readonly lab: string;
}

type RuleOf<K extends ParameterRule["kind"]> = Extract<ParameterRule, { readonly kind: K }>;

const WORD_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";

/** @param tables of the lab, which its file has been checked against (`tableProblem`) */
export function deriveParameters(
  seed: ParameterSeed,
  rules: LabFile["parameters"],
  tables: LabTables = {},
): Parameters {
  const derivation: Derivation = { seed, rules, tables };
  return Object.fromEntries(Object.entries(rules).map(([name, rule]) => [name, deriveValue(derivation, name, rule)]));
}

interface Derivation {
  readonly seed: ParameterSeed;
  readonly rules: LabFile["parameters"];
  readonly tables: LabTables;
}

function deriveValue(derivation: Derivation, name: string, rule: ParameterRule): ParameterValue {
  const { seed, rules, tables } = derivation;
  switch (rule.kind) {
    case "fixed":
      return rule.value;
    case "int":
      return rule.min + Number(draw(seed, name) % (BigInt(rule.max - rule.min) + 1n));
    case "word":
      return drawWord(draw(seed, name), rule.chars);
    case "nonce":
      return drawNonce(seed, rules, name);
    case "student_digits":
      return digitsOf(seed, name, rule).value;
    case "digits_origin": {
      const of = rules[rule.of];
      return of?.kind === "student_digits" ? digitsOf(seed, rule.of, of).origin : ("lab" satisfies DigitsOrigin);
    }
    case "lookup": {
      const by = rules[rule.by];
      // A table looks only into numbers, which look nothing up themselves.
      const value = by === undefined ? null : lookUp(tables, rule, deriveValue(derivation, rule.by, by));
      assert(value !== null, "the tables were checked when the lab was loaded");
      return value;
    }
    default:
      return rule satisfies never;
  }
}

/** The last digits of the student's number, unless the lab gives them others or there are not enough. */
function digitsOf(
  seed: ParameterSeed,
  name: string,
  { count, overrides }: RuleOf<"student_digits">,
): { readonly value: number; readonly origin: DigitsOrigin } {
  const number = seed.studentNumber ?? "";
  const override = Object.hasOwn(overrides, number) ? overrides[number] : undefined;
  if (override !== undefined) return { value: override, origin: "lab" };
  const digits = number.replaceAll(/[^0-9]/g, "");
  if (digits.length >= count) return { value: Number(digits.slice(-count)), origin: "student_number" };
  return { value: Number(draw(seed, name) % BigInt(10 ** count)), origin: "course" };
}

/** 31 bits, the highest of them set: no descriptor, process, length or address of a small program is so large. */
const NONCE_MIN = 2 ** 30;
const NONCES = 2 ** 30;

/** No two of a lab's nonces are the same: each has a residue of its own. */
function drawNonce(seed: ParameterSeed, rules: LabFile["parameters"], name: string): number {
  const names = Object.keys(rules).filter((each) => rules[each]?.kind === "nonce");
  const each = Math.floor(NONCES / names.length);
  return NONCE_MIN + Number(draw(seed, name) % BigInt(each)) * names.length + names.indexOf(name);
}

/** 256 bits: so many more than any range needs that no value is likelier than another. */
function draw(seed: ParameterSeed, name: string): bigint {
  const mac = createHmac("sha256", Buffer.from(seed.secret, "hex"));
  // Lengths cannot shift between the parts: none of them may hold a NUL.
  mac.update(["parameter", seed.studentNumber ?? seed.user, seed.lab, name].join("\0"));
  return BigInt(`0x${mac.digest("hex")}`);
}

function drawWord(from: bigint, chars: number): string {
  const base = BigInt(WORD_ALPHABET.length);
  let rest = from;
  let word = "";
  while (word.length < chars) {
    word += WORD_ALPHABET[Number(rest % base)];
    rest /= base;
  }
  return word;
}
