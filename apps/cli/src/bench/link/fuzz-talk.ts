import { setTimeout as sleep } from "node:timers/promises";
import { encodeFrame } from "@ringside/link";
import type { Dice } from "./fuzz-dice.ts";
import type { FuzzLine } from "./fuzz-line.ts";
import type { FuzzMessages } from "./fuzz-messages.ts";
import type { FuzzNear } from "./fuzz-near.ts";
import type { FuzzFrame, FuzzPackets } from "./fuzz-packets.ts";

/** What a lane has done so far. */
export interface FuzzCount {
  packets: number;
  messages: number;
  answers: number;
  hangs: number;
  faults: number;
}

/** Packets that are still to be sent, of this lane or of several. */
export interface FuzzBudget {
  left: number;
}

const BATCH_MAX = 48;
/** How long a machine is let run. */
const RUN_MS = 3;
const ANSWER_MS = 1_000;
/** Answers take far less; a host that is busy with other things may take this long. */
const HANG_MS = 30_000;
const CLOSE_MS = 10_000;
const QUESTION_BYTES = 0x101;
const ACK = Buffer.from("+");
const INTERRUPT = Buffer.from("\x03");
/** A connection that let go is closed by the other side meanwhile. */
const LEAVE_MS = 50;

const LEFT = { bytes: encodeFrame({ type: "left", noted: [] }), packed: false };
const STOP = { bytes: encodeFrame({ type: "interrupt" }), packed: false };

/** Speaks as gdb until the connection ends, or there is nothing more to send. */
export async function talkAsGdb(
  line: FuzzLine,
  { source, dice, count, budget }: { source: FuzzPackets; dice: Dice; count: FuzzCount; budget: FuzzBudget },
): Promise<void> {
  // Without acks a damaged frame ends the connection.
  if (dice.once(2)) {
    line.packet("QStartNoAckMode");
    line.send(ACK);
  }
  while (!line.closed && budget.left > 0) {
    const frames = batch(source, dice);
    send(line, frames, dice);
    count.packets += frames.length;
    budget.left -= frames.length;
    const after = frames.at(-1)?.after ?? "goes on";
    if (after === "leaves") {
      await sleep(LEAVE_MS);
      break;
    }
    if (await isThere(line, after, dice)) continue;
    if (!line.closed) count.hangs += 1;
    break;
  }
  count.answers += line.answers;
}

/** Some frames. A machine that may run is stopped again at once, or they end there. */
function batch(source: FuzzPackets, dice: Dice): FuzzFrame[] {
  const frames: FuzzFrame[] = [];
  for (let n = dice.below(BATCH_MAX); n >= 0; n -= 1) {
    const frame = source.next();
    if (frame.after === "runs" && n > 0 && !dice.once(4)) {
      frames.push({ ...frame, bytes: Buffer.concat([frame.bytes, INTERRUPT]) });
      continue;
    }
    frames.push(frame);
    if (frame.after !== "goes on") break;
  }
  return frames;
}

/** Sends them, cut into pieces anywhere. */
function send(line: FuzzLine, frames: readonly FuzzFrame[], dice: Dice): void {
  const bytes = Buffer.concat(frames.map((frame) => frame.bytes));
  for (let at = 0; at < bytes.length; ) {
    const piece = dice.once(3) ? 1 + dice.below(200) : bytes.length;
    line.send(bytes.subarray(at, at + piece));
    at += piece;
  }
}

/**
 * Stops a machine that may run, and asks something whose answer has a length that nothing else has: then all before it
 * has been dealt with. What was damaged may take the question with it, so it is asked again. False where no answer comes.
 */
async function isThere(line: FuzzLine, after: FuzzFrame["after"], dice: Dice): Promise<boolean> {
  for (let waited = 0; waited < HANG_MS && !line.closed; waited += ANSWER_MS) {
    if (after === "runs" || waited > 0) {
      await sleep(RUN_MS);
      line.send(INTERRUPT);
    }
    const bytes = QUESTION_BYTES + dice.below(QUESTION_BYTES);
    line.packet("T1");
    line.packet(`qXfer:features:read:i386-64bit.xml:0,${bytes.toString(16)}`);
    if (await line.untilAnswer(1 + bytes, ANSWER_MS)) return true;
  }
  return false;
}

/** Speaks as a near agent until the link ends, or there is nothing more to send. */
export async function talkAsNear(
  near: FuzzNear,
  { source, dice, count, budget }: { source: FuzzMessages; dice: Dice; count: FuzzCount; budget: FuzzBudget },
): Promise<void> {
  let id = 1;
  near.send(source.attach(id));
  let isThere = await answered(near, id);
  while (isThere && !near.closed && near.refused === null && budget.left > 0) {
    id += 1;
    const message = source.next(id);
    near.send(message);
    count.messages += 1;
    count.packets += message.packets;
    budget.left -= message.packets;
    if (message.kind === "wrong") {
      isThere = await survived(near, id);
      id += 1;
    } else if (message.kind === "asks") isThere = await answered(near, id);
    // gdb hangs up now and then, and another one comes over the same link.
    if (isThere && dice.once(200)) {
      near.send(LEFT);
      id += 1;
      near.send(source.attach(id));
      isThere = await answered(near, id);
    }
  }
  if (!isThere && !near.closed) count.hangs += 1;
  count.answers += near.answers;
  count.faults += near.faults;
}

/** Waits for an answer, stopping the machine where it does not come soon. */
async function answered(near: FuzzNear, id: number): Promise<boolean> {
  if (await near.untilAnswer(id, RUN_MS)) return true;
  for (let waited = 0; waited < HANG_MS && !near.closed; waited += ANSWER_MS) {
    near.send(STOP);
    if (await near.untilAnswer(id, ANSWER_MS)) return true;
  }
  return false;
}

/** What was wrong ends the link, or was right by chance: then a question after it is answered. */
async function survived(near: FuzzNear, id: number): Promise<boolean> {
  if (!(await near.untilAnswer(id, RUN_MS))) near.send(STOP);
  const question = {
    bytes: encodeFrame({ type: "packets", id: id + 1, noted: [], first: [], last: "qAttached" }),
    packed: false,
  };
  near.send(question);
  if (await answered(near, id + 1)) return true;
  await near.untilClosed(CLOSE_MS);
  return false;
}
