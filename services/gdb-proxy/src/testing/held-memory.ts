import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

/** Bytes that this process holds, garbage aside: the heap, and what buffers and zlib have outside it. */
export async function heldBytes(): Promise<number> {
  // What buffers had outside the heap is given back a turn after they are collected.
  for (const _round of [1, 2]) {
    collect();
    await turn();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
