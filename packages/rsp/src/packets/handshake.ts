/** What gdb asks before and around debugging: `qSupported QStartNoAckMode ? ! qAttached vAttach vMustReplyEmpty`. */
export type HandshakePacket =
  | { readonly kind: "qSupported"; readonly features: readonly string[] }
  | { readonly kind: "QStartNoAckMode" }
  | { readonly kind: "?" }
  | { readonly kind: "!" }
  | { readonly kind: "qAttached" }
  | { readonly kind: "vAttach"; readonly process: string }
  | { readonly kind: "vMustReplyEmpty" };

export function parseHandshake(payload: string): HandshakePacket | null {
  if (payload === "?" || payload === "!" || payload === "QStartNoAckMode" || payload === "vMustReplyEmpty") {
    return { kind: payload };
  }
  if (payload === "qAttached" || payload.startsWith("qAttached:")) return { kind: "qAttached" };
  if (payload.startsWith("vAttach;")) return { kind: "vAttach", process: payload.slice("vAttach;".length) };
  if (payload === "qSupported") return { kind: "qSupported", features: [] };
  if (!payload.startsWith("qSupported:")) return null;
  return { kind: "qSupported", features: payload.slice("qSupported:".length).split(";") };
}
