import type { Conversation } from "../hub/conversation.ts";
import { GDB_PACKET_BYTES } from "../limits.ts";
import { answer, ask, type KnownThreads, type Rule, refuse } from "./decision.ts";
import { documentOf, documentSoFar } from "./threads.ts";

/** A piece with every byte escaped must still fit into gdb's packet. */
const PIECE_BYTES_MAX = GDB_PACKET_BYTES / 2 - 1;

interface Place {
  readonly offset: number;
  readonly length: number;
}

/** `qXfer`: the target description, read when the stub was greeted, and the list of threads. */
export const transfer: Rule<"qXfer"> = ({ object, operation, annex, offset, length }, view) => {
  if (operation === "read" && object === "threads" && annex === "") {
    const { document } = view.threads;
    const known = document?.isNow === true || view.runs || view.asker.detached;
    return known
      ? answer(piece(documentSoFar(view), { offset, length }))
      : ask(threadsPiece(view.threads, { offset, length }));
  }
  if (object !== "features" || operation !== "read") return refuse(`qXfer:${object}:${operation} is not supported`);
  const text = view.features.get(annex);
  if (text === undefined) return refuse("there is no such target description", "E00");
  return answer(piece(text, { offset, length }));
};

function* threadsPiece(threads: KnownThreads, place: Place): Conversation<string> {
  const text = yield* documentOf(threads);
  return text.startsWith("<") ? piece(text, place) : text;
}

function piece(text: string, { offset, length }: Place): string {
  const part = text.slice(offset, offset + Math.min(length, PIECE_BYTES_MAX));
  return `${offset + part.length < text.length ? "m" : "l"}${part}`;
}
