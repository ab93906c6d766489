import { SIGNATURE_WORDS } from "@ringside/grading";
import { RingsideError } from "@ringside/shared";
import { checkSignature, type SealKey, sealOfTail, TAIL_BYTES } from "@ringside/trace";
import type { TraceStore } from "./trace-store.ts";

/**
 * Looks at the end of a stored trace. One that does not end in a seal is taken: the grader says what is wrong with it,
 * and checks again what is looked at here.
 * @param keys of the cell that it was fetched from
 * @throws RingsideError trace_damaged where its seal is not signed by that cell
 */
export async function requireSignature(traces: TraceStore, digest: string, keys: readonly SealKey[]): Promise<void> {
  const seal = sealOfTail(await traces.tail(digest, TAIL_BYTES));
  const state = seal === null ? "good" : checkSignature(seal.signature, keys[0]?.cell ?? "", keys);
  if (state !== "good") {
    throw new RingsideError("trace_damaged", { message: SIGNATURE_WORDS[state].en });
  }
}
