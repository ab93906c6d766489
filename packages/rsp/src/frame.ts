/** Why a packet could not be read; the stream goes on at the next `$`. */
export type FrameDamage = "checksum" | "too_long" | "escape" | "run_length" | "restarted";

/**
 * What stands in the stream between two peers, taken out of its framing. Payloads are unescaped, with runs
 * expanded, one character per byte.
 */
export type Frame =
  | { readonly kind: "packet"; readonly payload: string }
  | { readonly kind: "notification"; readonly payload: string }
  | { readonly kind: "damaged"; readonly why: FrameDamage }
  | { readonly kind: "ack" }
  | { readonly kind: "nak" }
  | { readonly kind: "interrupt" };
