import { open } from "node:fs/promises";
import { OPENING_BYTES_MAX } from "../limits.ts";

const OPENING = /^\{"seq":0,"t":[\d.]{1,20},"type":"trace\.opened",.*"wall":"([^"]{1,40})"/;

/** When a recording was opened, ms of wall time; null for what is no recording. */
export async function openedAt(path: string): Promise<number | null> {
  const file = await open(path, "r");
  try {
    const buffer = Buffer.alloc(OPENING_BYTES_MAX);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    const [line = ""] = buffer.toString("utf8", 0, bytesRead).split("\n", 1);
    const ms = Date.parse(OPENING.exec(line)?.[1] ?? "");
    return Number.isNaN(ms) ? null : ms;
  } finally {
    await file.close();
  }
}
