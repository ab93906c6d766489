import { open, readFile } from "node:fs/promises";

/**
 * What is needed to know of a QEMU 7.2 replay log (version 0xe0200c) beside running it. After a header of 12 bytes it
 * is a row of events, big-endian, each a byte and what belongs to it: instructions that ran (a dword), interrupts and
 * exceptions that were taken, input (with its bytes), clocks that were read (a qword), checkpoints of the main loop.
 */
const VERSION = 0x00e0_200c;
/** QEMU writes the version last: where it was killed there is none. */
const UNFINISHED = 0;
const HEADER_BYTES = 12;
const EVENT = {
  instructions: 0,
  interrupt: 1,
  exception: 2,
  async: 3,
  shutdown: 10,
  charWrite: 22,
  clock: 28,
} as const;
const CLOCK_VIRTUAL_RT = 29;
const CHECKPOINT = 30;
const CHECKPOINT_VIRTUAL_RT = 36;
const END = 39;
/** Of asynchronous events: bottom halves and block requests have an id, a character read has the device and bytes. */
const ASYNC = { bh: 0, bhOnce: 1, charRead: 4, block: 5 } as const;

/** A place at which a replay must not stand if it shall run on. */
export interface RestlessPlace {
  /** The last place before at which it may stand. */
  readonly before: number;
  /** An interrupt or an exception is taken there. */
  readonly interrupted: boolean;
}

/**
 * Places, as counts of instructions, at which the guest's clock was moved on by a timer of the main loop, as it is
 * after each sleep of the guest. A replay that stands there reads that part of the log, too, but moves no clock: it can
 * never run on. Places within a row of instructions have no such events: QEMU reads nothing of the log there.
 */
export type RestlessPlaces = ReadonlyMap<number, RestlessPlace>;

/** Reads a log's restless places; of one that makes no sense those up to there: QEMU itself refuses it. */
export async function restlessPlaces(path: string): Promise<RestlessPlaces> {
  return scan(await readFile(path));
}

/**
 * Makes the log of a QEMU that was killed one that QEMU takes: it then runs to where the log breaks off. Any other is
 * left as it is.
 */
export async function finishLog(path: string): Promise<void> {
  await using file = await open(path, "r+");
  const version = Buffer.alloc(4);
  const { bytesRead } = await file.read(version, 0, version.length, 0);
  if (bytesRead < version.length || version.readUInt32BE(0) !== UNFINISHED) return;
  version.writeUInt32BE(VERSION);
  await file.write(version, 0, version.length, 0);
}

/** @param log the whole of it */
export function scan(log: Buffer): RestlessPlaces {
  const places = new Map<number, RestlessPlace>();
  if (log.length < HEADER_BYTES || ![VERSION, UNFINISHED].includes(log.readUInt32BE(0))) return places;
  let [icount, before, restless, interrupted] = [0, 0, false, false];
  let row: "none" | "checkpoint" | "clock" = "none";
  const leave = () => {
    // What never ran yet does not read on.
    if (restless && icount > 0) places.set(icount, { before, interrupted });
  };
  for (let at = HEADER_BYTES; at < log.length; ) {
    const kind = log[at] ?? END;
    const bytes = eventBytes(log, at);
    if (bytes === null || at + bytes > log.length || kind === END) break;
    if (kind === EVENT.instructions) {
      const count = log.readUInt32BE(at + 1);
      leave();
      if (count > 1) before = icount + count - 1;
      else if (!restless) before = icount;
      icount += count;
      [restless, interrupted] = [false, false];
    }
    if (kind === EVENT.interrupt || kind === EVENT.exception) interrupted = true;
    // The clock is read once by the checkpoint itself, and once more by the timer that moves the guest's.
    if (row === "clock" && kind === CLOCK_VIRTUAL_RT && !interrupted) restless = true;
    row =
      kind === CHECKPOINT_VIRTUAL_RT
        ? "checkpoint"
        : row === "checkpoint" && kind === CLOCK_VIRTUAL_RT
          ? "clock"
          : "none";
    at += bytes;
  }
  leave();
  return places;
}

/** An event's length with its kind; null for one that a machine of ours does not write. */
function eventBytes(log: Buffer, at: number): number | null {
  const kind = log[at] ?? END;
  if (kind === EVENT.instructions) return 5;
  if (kind < EVENT.async) return 1;
  if (kind < EVENT.shutdown) return asyncBytes(log, at, kind - EVENT.async);
  if (kind < EVENT.charWrite) return 1;
  if (kind === EVENT.charWrite || kind === EVENT.clock || kind === CLOCK_VIRTUAL_RT) return 9;
  return kind >= CHECKPOINT && kind <= END ? 1 : null;
}

function asyncBytes(log: Buffer, at: number, kind: number): number | null {
  if (kind === ASYNC.bh || kind === ASYNC.bhOnce || kind === ASYNC.block) return 9;
  if (kind !== ASYNC.charRead || at + 6 > log.length) return null;
  return 6 + log.readUInt32BE(at + 2);
}
