/** `H T qC qfThreadInfo qsThreadInfo qThreadExtraInfo`: thread ids are kept as they were written. */
export type ThreadsPacket =
  | { readonly kind: "H"; readonly operation: "c" | "g"; readonly thread: string }
  | { readonly kind: "T"; readonly thread: string }
  | { readonly kind: "qC" }
  | { readonly kind: "qfThreadInfo" }
  | { readonly kind: "qsThreadInfo" }
  | { readonly kind: "qThreadExtraInfo"; readonly thread: string };

export function parseThreads(payload: string): ThreadsPacket | null {
  if (payload === "qC" || payload === "qfThreadInfo" || payload === "qsThreadInfo") return { kind: payload };
  const match = /^(?:H([cg])|(T)|(qThreadExtraInfo),)(-1|[0-9a-fA-F]{1,8})$/.exec(payload);
  const thread = match?.[4];
  if (!match || thread === undefined) return null;
  if (match[1] !== undefined) return { kind: "H", operation: match[1] === "c" ? "c" : "g", thread };
  return { kind: match[2] === undefined ? "qThreadExtraInfo" : "T", thread };
}
