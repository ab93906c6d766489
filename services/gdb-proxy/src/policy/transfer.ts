import { GDB_PACKET_BYTES } from "../limits.ts";
import { answer, type Rule, refuse } from "./decision.ts";

/** A piece with every byte escaped must still fit into gdb's packet. */
const PIECE_BYTES_MAX = GDB_PACKET_BYTES / 2 - 1;

/** `qXfer:features`: the target description, read when the stub was greeted. */
export const transfer: Rule<"qXfer"> = ({ object, operation, annex, offset, length }, { features }) => {
  if (object !== "features" || operation !== "read") return refuse(`qXfer:${object}:${operation} is not supported`);
  const text = features.get(annex);
  if (text === undefined) return refuse("there is no such target description", "E00");
  const piece = text.slice(offset, offset + Math.min(length, PIECE_BYTES_MAX));
  return answer(`${offset + piece.length < text.length ? "m" : "l"}${piece}`);
};
