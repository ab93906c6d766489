import { askAll, type Conversation } from "../hub/conversation.ts";
import { MEMORY_READ_BYTES_MAX, STUB_MEMORY_BYTES_MAX } from "../limits.ts";
import { ask, askToWrite, type Rule, refuse } from "./decision.ts";

/** Written bytes per packet, so that hex and head stay below the stub's packet limit. */
const WRITE_BYTES = 0x700;
const ADDRESSES = 1n << 64n;

const addressAt = (start: bigint, offset: number): string => ((start + BigInt(offset)) % ADDRESSES).toString(16);

/** `m` in pieces that QEMU takes. As the protocol allows, what was read before an error is the answer. */
function* read(address: bigint, length: number): Conversation<string> {
  const questions: string[] = [];
  for (let at = 0; at < length || at === 0; at += STUB_MEMORY_BYTES_MAX) {
    const bytes = Math.min(length - at, STUB_MEMORY_BYTES_MAX);
    questions.push(`m${addressAt(address, at)},${bytes.toString(16)}`);
  }
  const pieces = yield* askAll(questions);
  const failed = pieces.findIndex(
    (piece, n) => !isHexOf(piece, Math.min(length - n * STUB_MEMORY_BYTES_MAX, STUB_MEMORY_BYTES_MAX)),
  );
  return failed === 0 ? (pieces[0] ?? "") : pieces.slice(0, failed < 0 ? pieces.length : failed).join("");
}

const isHexOf = (piece: string, bytes: number): boolean => piece.length === 2 * bytes && /^[0-9a-f]*$/.test(piece);

function* write(address: bigint, data: string): Conversation<string> {
  let done = 0;
  do {
    const piece = data.slice(2 * done, 2 * (done + WRITE_BYTES));
    const bytes = piece.length / 2;
    const reply = yield `M${addressAt(address, done)},${bytes.toString(16)}:${piece}`;
    if (reply !== "OK") return reply;
    done += bytes;
  } while (2 * done < data.length);
  return "OK";
}

export const readMemory: Rule<"m"> = ({ address, length }) =>
  ask(read(address, Math.min(length, MEMORY_READ_BYTES_MAX)));

export const writeMemory: Rule<"M"> = ({ address, data }, view) => {
  view.forgetRegisters();
  return askToWrite(write(address, data));
};

export const readBinary: Rule<"x"> = () => refuse("x is not supported: m is");
export const writeBinary: Rule<"X"> = () => refuse("X is not supported: M is");
