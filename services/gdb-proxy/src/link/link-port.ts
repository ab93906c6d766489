import type { FarMessage, Page } from "@ringside/link";
import type { RingsideError } from "@ringside/shared";
import type { Transport } from "../client/transport.ts";

/** A WebSocket as the link needs it. */
export interface LinkTransport extends Transport {
  /** Null while it is not known. */
  readonly roundTripMs: number | null;
  send(bytes: Uint8Array, compress?: boolean): void;
}

/** A message to a near agent without its page heads: those are made of `pages` when it is sent. */
export type Answer = Extract<FarMessage, { readonly id: number }>;

/** What one gdb of a link speaks through. */
export interface LinkPort {
  readonly roundTripMs: number | null;
  nowMs(): number;
  /** @param pages in the message's bundle, or in itself where it has none */
  answer(message: Answer, pages: readonly Page[]): void;
  /** Lines and `changed`. Lines for a near agent that does not read are dropped. */
  tell(message: Extract<FarMessage, { readonly type: "changed" | "said" }>): void;
  end(error: RingsideError): void;
}
