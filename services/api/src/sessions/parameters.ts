import { createHmac } from "node:crypto";
import type { LabFile, ParameterRule, Parameters } from "@ringside/shared";

/**
 * A student's own values: HMAC-SHA256 under the course's secret of who, which lab and which parameter. The same
 * student always gets the same values, other students cannot work them out, and nothing needs to be stored.
 */
export interface ParameterSeed {
  /** The course's secret, hex. */
  readonly secret: string;
  /** The student number, or the user id of somebody who has none. */
  readonly student: string;
  readonly lab: string;
}

const WORD_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";

export function deriveParameters(seed: ParameterSeed, rules: LabFile["parameters"]): Parameters {
  return Object.fromEntries(Object.entries(rules).map(([name, rule]) => [name, deriveValue(seed, name, rule)]));
}

function deriveValue(seed: ParameterSeed, name: string, rule: ParameterRule): string | number {
  switch (rule.kind) {
    case "fixed":
      return rule.value;
    case "int":
      return rule.min + Number(draw(seed, name) % (BigInt(rule.max - rule.min) + 1n));
    case "word":
      return drawWord(draw(seed, name), rule.chars);
    default:
      return rule satisfies never;
  }
}

/** 256 bits: so many more than any range needs that no value is likelier than another. */
function draw(seed: ParameterSeed, name: string): bigint {
  const mac = createHmac("sha256", Buffer.from(seed.secret, "hex"));
  // Lengths cannot shift between the parts: none of them may hold a NUL.
  mac.update(["parameter", seed.student, seed.lab, name].join("\0"));
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
