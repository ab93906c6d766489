import { generateKeyPairSync } from "node:crypto";
import type { Answer } from "@ringside/shared";
import { type NewTraceEvent, type SealSigner, sealSigner } from "@ringside/trace";
import { chainHash, FIRST_HASH, hashSuffix, splitLine } from "../../../trace/src/chain.ts";
import { signedBody } from "../../../trace/src/seal-signature.ts";
import { TEST_SIGNER } from "../../../trace/src/testing/trace-builder.ts";
import type { ExpectedTrace } from "../ungradable.ts";

/** A trace that somebody wants points for which no student's work stands. */
export interface Forgery {
  readonly family: Family;
  /** What was done, for whoever reads a failure. */
  readonly what: string;
  readonly bytes: Buffer;
  readonly expected: ExpectedTrace;
  /** Handed in beside it. */
  readonly answers?: readonly Answer[];
  /** What the honest part of it earns; null where it may not be graded at all. */
  readonly earned: number | null;
}

/** What is done to the bytes of a recording: none of these may be graded. */
export const BYTE_FAMILIES = [
  "edited",
  "dropped",
  "duplicated",
  "reordered",
  "inserted",
  "truncated",
  "re-chained without a key",
  "re-chained, old signature",
  "re-chained, another key",
  "re-chained, another key under the cell's name",
  "spliced",
  "another student's",
  "of another image, lab, epoch or cell",
  "sealed twice",
  "answers changed",
] as const;
/** What is done in a session that the cell records truly, and signs: it may earn what the honest part earns. */
export const SESSION_FAMILIES = [
  "jumped",
  "registers written",
  "memory written",
  "hidden writes",
  "unknown past",
  "somebody else's hand",
  "somebody else's values",
  "console imitated",
  "packets replayed",
  "answers guessed",
] as const;
export type Family = (typeof BYTE_FAMILIES)[number] | (typeof SESSION_FAMILIES)[number];

/** Draws whole numbers below a bound, the same for the same seed (Park and Miller's minimal standard generator). */
export type Draw = (below: number) => number;
export function drawFrom(seed: number): Draw {
  let state = (seed % 2_147_483_646) + 1;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

export function pick<T>(values: readonly T[], draw: Draw): T {
  const value = values[draw(values.length)];
  if (value === undefined) throw new Error("nothing to draw from");
  return value;
}

/** A key that is no cell's. */
export const FOREIGN_SIGNER: SealSigner = sealSigner(
  generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
);

/** What a forger does about the signature of a chain that was made anew. */
export const SEALINGS = {
  "re-chained without a key": () => null,
  "re-chained, old signature": () => "kept",
  "re-chained, another key": () => FOREIGN_SIGNER,
  "re-chained, another key under the cell's name": () => ({ ...FOREIGN_SIGNER, key: TEST_SIGNER.key }),
} as const satisfies Partial<Record<Family, () => SealSigner | "kept" | null>>;
export type Rechained = keyof typeof SEALINGS;
export const RECHAINED = Object.keys(SEALINGS) as Rechained[];

/** A line without its hash. */
export function bodyOf(line: string): string {
  return splitLine(Buffer.from(line.trimEnd()))?.body.toString("utf8") ?? "";
}

/** An event as a forger has it. */
export type Members = Record<string, unknown> & { type: NewTraceEvent["type"] };
export const membersOf = (line: string): Members => JSON.parse(`${bodyOf(line)}}`) as Members;
const bodyWith = (members: Readonly<Record<string, unknown>>): string => JSON.stringify(members).slice(0, -1);

/**
 * Chains events anew, with numbers that follow each other and times that do not run backwards.
 * @param way how the seal at its end is signed; where it has none at its end, nothing is
 */
export function rechain(events: readonly Members[], way: Rechained): Buffer {
  let head = FIRST_HASH;
  let t = 0;
  const lines = events.map((given, seq) => {
    t = Math.max(t, Number(given.t));
    const members = { ...given, seq, t };
    const body = members.type === "trace.sealed" ? sealBody(members, head, way) : bodyWith(members);
    head = chainHash(Buffer.from(head + body));
    return body + hashSuffix(head);
  });
  return Buffer.from(lines.join(""));
}

function sealBody(members: Members, head: string, way: Rechained): string {
  const { signature: _, ...unsigned } = members;
  const signer = SEALINGS[way]();
  if (signer === null) return bodyWith(unsigned);
  return signer === "kept" ? bodyWith(members) : signedBody(signer, head, bodyWith(unsigned));
}
