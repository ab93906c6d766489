import { addressOfHex } from "../hex.ts";

export type ResumeAction = "continue" | "step";

/** One action of `vCont;…`; `thread` null means the default for all the others. */
export interface VContAction {
  readonly action: ResumeAction | "stop" | "range";
  readonly signal: string | null;
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

const ACTIONS = { c: "continue", C: "continue", s: "step", S: "step", t: "stop", r: "range" } as const;

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

function parseVCont(text: string): ResumePacket | null {
  const actions: VContAction[] = [];
  for (const part of text.split(";")) {
    const match = /^(?:([cst])|([CS])([0-9a-fA-F]{2})|(r)[0-9a-fA-F]+,[0-9a-fA-F]+)(?::([p0-9a-fA-F.-]{1,40}))?$/.exec(
      part,
    );
    const letter = match?.[1] ?? match?.[2] ?? match?.[4];
    if (!match || letter === undefined) return null;
    const action = ACTIONS[letter as keyof typeof ACTIONS];
    actions.push({ action, signal: match[3] ?? null, thread: match[5] ?? null });
  }
  return { kind: "vCont", actions };
}
