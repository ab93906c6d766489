import { bytesOfHex, hexOfBytes } from "@ringside/rsp";
import { MONITOR_REPLY_PACKETS_MAX } from "../limits.ts";
import type { Conversation } from "./conversation.ts";

/** QEMU's monitor, which gdb itself never reaches. */
const QUESTION = `qRcmd,${hexOfBytes("info replay")}`;

/** Guest instructions so far in a recorded machine, as QEMU counts them; null where it does not say. */
export function* instructionCount(): Conversation<number | null> {
  let text = "";
  let reply = yield QUESTION;
  for (let i = 0; i < MONITOR_REPLY_PACKETS_MAX && reply.startsWith("O") && reply !== "OK"; i += 1) {
    text += bytesOfHex(reply.slice(1)) ?? "";
    reply = yield null;
  }
  const count = Number(/: instruction count = (\d{1,15})\s*$/.exec(text)?.[1] ?? Number.NaN);
  return reply === "OK" && Number.isSafeInteger(count) ? count : null;
}
