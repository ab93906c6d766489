import { SIGNATURE_WORDS } from "@ringside/grading";
import type { CellKey } from "@ringside/shared";
import { checkSignature, type Damage, type DamageKind, type VerifyResult } from "@ringside/trace";

/** One thing that must be right with a recording. `unknown`: it could not be looked at. */
export interface TraceCheck {
  readonly name: CheckName;
  readonly state: "good" | "bad" | "unknown";
  readonly words: string;
}

/** In the order in which they are shown; a damage keeps those after it from being looked at. */
const CHECK_NAMES = ["form", "version", "chain", "order", "seal", "digest", "signature"] as const;
type CheckName = (typeof CHECK_NAMES)[number];

const BROKEN_BY = {
  empty: "form",
  torn_line: "form",
  line_too_long: "form",
  too_many_bytes: "form",
  too_many_events: "form",
  not_a_line: "form",
  not_an_event: "form",
  no_opening: "form",
  second_opening: "form",
  future_version: "version",
  wrong_hash: "chain",
  wrong_sequence: "order",
  time_backwards: "order",
  after_seal: "seal",
} as const satisfies Record<DamageKind, CheckName>;

export interface Expectations {
  /** sha256 that the recording must have: what the server has on its books, or what the user gave. */
  readonly digest: string | undefined;
  /** A recording that goes on has no seal yet. */
  readonly mayBeUnsealed: boolean;
  /** Keys of all cells, and null where there are none to be had. */
  readonly keys: readonly CellKey[] | null;
  /** When the server was handed it; without, a key that was ever revoked does not count. */
  readonly handedIn: Date | undefined;
}

type Intact = Extract<VerifyResult, { status: "intact" }>;

/** Looks at a recording from every side that there is. */
export function checkTrace(result: VerifyResult, expected: Expectations): readonly TraceCheck[] {
  if (result.status === "damaged") return CHECK_NAMES.map((name) => damagedCheck(name, result));
  const events = `${result.events.length} events, each with its hash`;
  return [
    { name: "form", state: "good", words: "every line is an event" },
    { name: "version", state: "good", words: versionWords(result) },
    { name: "chain", state: "good", words: events },
    { name: "order", state: "good", words: "numbers without gaps, time never runs backwards" },
    sealCheck(result, expected.mayBeUnsealed),
    digestCheck(result.digest, expected.digest),
    signatureCheck(result, expected),
  ];
}

function damagedCheck(name: CheckName, damage: Damage): TraceCheck {
  if (name === BROKEN_BY[damage.kind]) return { name, state: "bad", words: damage.why };
  return { name, state: "unknown", words: "not looked at: the recording is damaged" };
}

function versionWords({ events }: VerifyResult): string {
  const [opened] = events;
  return opened?.type === "trace.opened" ? String(opened.version) : "";
}

function sealCheck({ seal }: Intact, mayBeUnsealed: boolean): TraceCheck {
  const name = "seal";
  if (seal !== undefined) return { name, state: "good", words: `sealed; head ${seal.head}` };
  return { name, state: mayBeUnsealed ? "unknown" : "bad", words: "not sealed: its end may be missing" };
}

function digestCheck(digest: string, expected: string | undefined): TraceCheck {
  const name = "digest";
  if (expected === undefined) return { name, state: "unknown", words: `sha256 ${digest}, compared with nothing` };
  if (digest === expected) return { name, state: "good", words: `sha256 ${digest}` };
  return { name, state: "bad", words: `sha256 ${digest}, which is not that of the one expected, ${expected}` };
}

/** The cell's signature of the seal. */
function signatureCheck({ seal, signature, events }: Intact, { keys, handedIn }: Expectations): TraceCheck {
  const name = "signature";
  const [opened] = events;
  if (seal === undefined || opened?.type !== "trace.opened") return { name, state: "unknown", words: "not sealed" };
  if (keys === null) {
    const carried = signature === undefined ? "none" : `one of the key ${signature.key}`;
    const words = `the recording carries ${carried}; without the cells' keys (log in, or --keys) it is not looked at`;
    return { name, state: "unknown", words };
  }
  const isRevoked = (from: string | null) => from !== null && (handedIn === undefined || new Date(from) <= handedIn);
  const state = checkSignature(
    signature,
    opened.cell,
    keys.map(({ cell, key, publicKey, revokedFrom }) => ({ cell, key, publicKey, revoked: isRevoked(revokedFrom) })),
  );
  if (state !== "good") return { name, state: "bad", words: SIGNATURE_WORDS[state].en };
  return { name, state: "good", words: `by ${opened.cell}, with its key ${signature?.key}` };
}
