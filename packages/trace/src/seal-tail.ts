import { splitLine } from "./chain.ts";
import { eventSchema } from "./events.ts";
import { SEAL_BYTES_MAX } from "./limits.ts";
import { type SealSignature, signatureOf } from "./seal-signature.ts";

/** From so much of a trace's end its seal can be read: the seal's line, and the end of the line before. */
export const TAIL_BYTES = 2 * SEAL_BYTES_MAX;

/**
 * The seal at the end of a trace, without reading all of it. That the lines before it are those it was made over is
 * for verifyTrace to say.
 * @param tail the last bytes, TAIL_BYTES where there are as many
 * @returns null where there is no seal at the end; `signature` null where it has none that can be read
 */
export function sealOfTail(tail: Buffer): { readonly signature: SealSignature | undefined } | null {
  const end = tail.length - 1;
  const begin = tail.lastIndexOf("\n", end - 1) + 1;
  const before = begin === 0 ? null : hashOfLineBefore(tail.subarray(0, begin - 1));
  const parts = tail[end] === 0x0a ? splitLine(tail.subarray(begin, end)) : null;
  if (parts === null || before === null) return null;
  const body = parts.body.toString("utf8");
  const event = eventSchema.safeParse(parsed(`${body}}`)).data;
  if (event?.type !== "trace.sealed") return null;
  const { signature } = event;
  return { signature: signature === undefined ? undefined : (signatureOf(signature, before, body) ?? undefined) };
}

function hashOfLineBefore(line: Buffer): string | null {
  // Of a long line only its end is here: enough for what splitLine looks at.
  return splitLine(line)?.hash ?? null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
