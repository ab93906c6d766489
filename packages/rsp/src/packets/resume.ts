import { addressOfHex } from "../hex.ts";

export type ResumeAction = "continue" | "step";

/** One action of `vCont;…`; `thread` null means the default for all the others. */
export type VContAction =
  | {
      readonly action: ResumeAction | "stop";
      readonly signal: string | null;
      readonly thread: string | null;
    }
  | VContRange;

/** `r`: step on while the program counter is in [start, end). */
export interface VContRange {
  readonly action: "range";
  readonly start: bigint;
  readonly end: bigint;
  readonly signal: null;
  readonly thread: string | null;
}

/** `c C s S vCont? vCont bc bs`. Signals and thread ids are kept as they were written. */
export type ResumePacket =
  | {
      readonly kind: "resume";
      readonly action: ResumeAction;
      readonly signal: string | null;
      readonly at: bigint | null;
    }
  | { readonly kind: "vCont?" }
  | { readonly kind: "vCont"; readonly actions: readonly VContAction[] }
  | { readonly kind: "reverse"; readonly action: ResumeAction };

const ACTIONS = { c: "continue", C: "continue", s: "step", S: "step", t: "stop" } as const;

export function parseResume(payload: string): ResumePacket | null {
  if (payload === "vCont?") return { kind: "vCont?" };
  if (payload === "bc" || payload === "bs") return { kind: "reverse", action: payload === "bc" ? "continue" : "step" };
  if (payload.startsWith("vCont;")) return parseVCont(payload.slice("vCont;".length));
  const plain = /^([cs])([0-9a-fA-F]{1,16})?$/.exec(payload);
  if (plain) return { kind: "resume", action: actionOf(plain[1]), signal: null, at: addressOfHex(plain[2] ?? "") };
  const signalled = /^([CS])([0-9a-fA-F]{2})(?:;([0-9a-fA-F]{1,16}))?$/.exec(payload);
  if (!signalled) return null;
  const at = addressOfHex(signalled[3] ?? "");
  return { kind: "resume", action: actionOf(signalled[1]), signal: signalled[2] ?? null, at };
}

const actionOf = (letter: string | undefined): ResumeAction => (letter === "c" || letter === "C" ? "continue" : "step");

const THREAD = "(?::([p0-9a-fA-F.-]{1,40}))?";
const ACTION = new RegExp(`^(?:([cst])|([CS])([0-9a-fA-F]{2}))${THREAD}$`);
const RANGE = new RegExp(`^r([0-9a-fA-F]{1,16}),([0-9a-fA-F]{1,16})${THREAD}$`);

function parseVCont(text: string): ResumePacket | null {
  const actions: VContAction[] = [];
  for (const part of text.split(";")) {
    const action = part.startsWith("r") ? rangeOf(part) : actionIn(part);
    if (action === null) return null;
    actions.push(action);
  }
  return { kind: "vCont", actions };
}

function actionIn(part: string): VContAction | null {
  const match = ACTION.exec(part);
  const letter = match?.[1] ?? match?.[2];
  if (!match || letter === undefined) return null;
  return { action: ACTIONS[letter as keyof typeof ACTIONS], signal: match[3] ?? null, thread: match[4] ?? null };
}

function rangeOf(part: string): VContAction | null {
  const match = RANGE.exec(part);
  const start = addressOfHex(match?.[1] ?? "");
  const end = addressOfHex(match?.[2] ?? "");
  if (!match || start === null || end === null) return null;
  return { action: "range", start, end, signal: null, thread: match[3] ?? null };
}
