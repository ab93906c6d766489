import { packRuns, unpackRuns } from "@ringside/rsp";

/** Shorter answers are recorded as they are. */
const PACKED_CHARS_MIN = 256;
const HEX = /^[0-9a-fx]+$/;

/** How an answer to gdb stands in `gdb.reply`: registers and memory, which are long, with run lengths. */
export function recordedReply(payload: string): string {
  return payload.length >= PACKED_CHARS_MIN && HEX.test(payload) ? packRuns(payload) : payload;
}

/** The hex digits of an answer as it was recorded. @param charsMax what is longer is cut */
export const hexOfRecorded = (data: string, charsMax: number): string => unpackRuns(data, charsMax);
