/** `D k vKill R vRun`: leaving, ending or starting the debugged program. */
export type EndingPacket =
  | { readonly kind: "D" }
  | { readonly kind: "k" }
  | { readonly kind: "vKill" }
  | { readonly kind: "R" }
  | { readonly kind: "vRun" };

export function parseEnding(payload: string): EndingPacket | null {
  if (payload === "D" || payload.startsWith("D;")) return { kind: "D" };
  if (payload === "k") return { kind: "k" };
  if (payload === "vKill" || payload.startsWith("vKill;")) return { kind: "vKill" };
  if (payload === "R" || /^R[0-9a-fA-F]+$/.test(payload)) return { kind: "R" };
  if (payload === "vRun" || payload.startsWith("vRun;")) return { kind: "vRun" };
  return null;
}
