import { bytesOfHex, countOfHex } from "./hex.ts";
import { AGENT_CODE_BYTES_MAX, AGENT_CONDITIONS_MAX } from "./limits.ts";

const CONDITION = /;?X([0-9a-fA-F]+),((?:[0-9a-fA-F]{2})+)/y;

/**
 * The conditions behind `Z0,address,kind;`: `X<length>,<bytecode>`, one after another. The breakpoint is to stop when
 * one of them holds. gdb writes no `;` between them.
 * @param extra what stands behind the first `;`
 * @returns each condition's bytecode, for evaluate(); none for an empty `extra`; null for anything else, such as
 *   commands (`cmds:`), or for what is beyond the limits
 */
export function parseConditions(extra: string): readonly Uint8Array[] | null {
  const conditions: Uint8Array[] = [];
  let at = 0;
  while (at < extra.length) {
    CONDITION.lastIndex = at;
    const match = CONDITION.exec(extra);
    const length = countOfHex(match?.[1] ?? "");
    const code = bytesOfHex(match?.[2] ?? "");
    if (match === null || length === null || code === null || code.length !== length) return null;
    if (length > AGENT_CODE_BYTES_MAX || conditions.length === AGENT_CONDITIONS_MAX) return null;
    conditions.push(Uint8Array.from(code, (character) => character.charCodeAt(0)));
    at = CONDITION.lastIndex;
  }
  return conditions;
}
