import { setTimeout as sleep } from "node:timers/promises";
import type { Session } from "@ringside/shared";
import { type Place, readySession, symbolAddress } from "../place.ts";
import { FuzzLine, type FuzzWay } from "./fuzz-line.ts";
import { Dice, type FuzzFrame, FuzzPackets } from "./fuzz-packets.ts";

export interface FuzzReport {
  readonly packets: number;
  readonly answers: number;
  readonly connections: number;
  readonly sessions: number;
  /** How sessions ended by themselves, by reason. */
  readonly ended: Readonly<Record<string, number>>;
  /** Connections that did not answer any more although they were open. */
  readonly hangs: number;
}

export interface FuzzOptions {
  readonly place: Place;
  readonly student: number;
  readonly way: FuzzWay;
  readonly packets: number;
  /** Of the packets; the machine's part is not repeatable. */
  readonly seed: number;
  readonly signal: AbortSignal;
}

const BATCH_MAX = 48;
/** How long a machine is let run. */
const RUN_MS = 3;
const ANSWER_MS = 1_000;
const HANG_MS = 10_000;
const QUESTION_BYTES = 0x101;
const ACK = Buffer.from("+");
const INTERRUPT = Buffer.from("\x03");
const RECONNECT_MS = 50;
const REFUSALS_MAX = 200;

/** Sends packets by gdb's grammar, and damaged ones, through the whole link to a real machine's stub. */
export async function runFuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { place, packets } = options;
  const student = place.students[options.student];
  if (student === undefined) throw new Error("the fuzz needs a student of its own");
  const addresses = await Promise.all(
    (["__sys_listen", "init_task", "linux_banner", "inet_listen"] as const).map((name) =>
      symbolAddress(place.image, name),
    ),
  );
  const source = new FuzzPackets(new Dice(options.seed), [addresses[0] ?? "0", ...addresses.slice(1)]);
  const dice = new Dice(options.seed + 1);
  const count = { sent: 0, answers: 0, connections: 0, sessions: 0, hangs: 0, refused: 0 };
  const ended: Record<string, number> = {};
  while (count.sent < packets) {
    const session = await readySession(student.api);
    count.sessions += 1;
    while (count.sent < packets && (await lives(student.api, session))) {
      options.signal.throwIfAborted();
      using line = await FuzzLine.open(options.way, student.api, session.id, options.signal).catch(() => undefined);
      if (line === undefined) {
        count.refused += 1;
        if (count.refused > REFUSALS_MAX) throw new Error(`more than ${REFUSALS_MAX} connections were refused`);
        await sleep(RECONNECT_MS);
        continue;
      }
      count.connections += 1;
      // Without acks a damaged frame ends the connection.
      if (dice.once(2)) {
        line.packet("QStartNoAckMode");
        line.send(ACK);
      }
      while (!line.closed && count.sent < packets) {
        const frames = batch(source, dice);
        send(line, frames, dice);
        count.sent += frames.length;
        const after = frames.at(-1)?.after ?? "goes on";
        if (after === "leaves") {
          await sleep(RECONNECT_MS);
          break;
        }
        if (await isThere(line, after, dice)) continue;
        if (!line.closed) count.hangs += 1;
        break;
      }
      count.answers += line.answers;
    }
    const { reason } = await student.api.session(session.id);
    if (reason !== null) ended[reason] = (ended[reason] ?? 0) + 1;
    await student.api.stopSession(session.id).catch(() => undefined);
  }
  const { answers, connections, sessions, hangs } = count;
  return { packets: count.sent, answers, connections, sessions, hangs, ended };
}

async function lives(api: Place["students"][number]["api"], { id }: Pick<Session, "id">): Promise<boolean> {
  const { state } = await api.session(id);
  return state === "ready" || state === "attached";
}

/** Some frames; the machine does not run before the last of them. */
function batch(source: FuzzPackets, dice: Dice): FuzzFrame[] {
  const frames: FuzzFrame[] = [];
  for (let n = dice.below(BATCH_MAX); n >= 0; n -= 1) {
    const frame = source.next();
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
