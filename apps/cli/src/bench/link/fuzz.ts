import { setTimeout as sleep } from "node:timers/promises";
import type { Session } from "@ringside/shared";
import { CliError } from "../../exit-codes.ts";
import { type Place, readySession, symbolAddress } from "../place.ts";
import { Dice } from "./fuzz-dice.ts";
import { FuzzLine } from "./fuzz-line.ts";
import { FuzzMessages } from "./fuzz-messages.ts";
import { FuzzNear } from "./fuzz-near.ts";
import { FuzzPackets } from "./fuzz-packets.ts";
import { type FuzzBudget, type FuzzCount, talkAsGdb, talkAsNear } from "./fuzz-talk.ts";

/** A gdb over plain TCP or a WebSocket, or a near agent's link. */
type FuzzWay = "tcp" | "websocket" | "link";

export interface FuzzReport extends Readonly<FuzzCount> {
  readonly way: FuzzWay;
  /** Repeats what this lane sends; what the machine does meanwhile is its own. */
  readonly seed: number;
  readonly connections: number;
  readonly sessions: number;
  /** Sessions that were ready and took no connection any more. */
  readonly unserved: number;
  /** How sessions ended by themselves, by reason. */
  readonly ended: Readonly<Record<string, number>>;
  /** Of those that a packet must not be able to cause: between which packets of the lane they came. */
  readonly fallen: readonly string[];
}

export interface FuzzOptions {
  readonly place: Place;
  readonly student: number;
  readonly way: FuzzWay;
  readonly budget: FuzzBudget;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** Told of each session that fell, and each connection that hung, at once. */
  readonly alarm?: (what: string) => void;
}

const RECONNECT_MS = 50;
const PATIENCE_MS = 10_000;
const PATIENCE_TRIES_MAX = 30;
/** A machine that has ended is refused until the api knows, which takes a while on a busy host. */
const REFUSED_MS = 300_000;
/** A guest whose registers are garbage resets itself, and a recording that is full ends its session. */
const ORDINARY_ENDS: ReadonlySet<string> = new Set(["guest_exited", "trace_full"]);

/** Sends packets by gdb's grammar or a near agent's messages, and damaged ones, through the whole link to real machines. */
export async function runFuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { place, budget, way, seed, signal, alarm = () => undefined } = options;
  const student = place.students[options.student];
  if (student === undefined) throw new Error("the fuzz needs a student of its own");
  const { api } = student;
  const talk = await talkOf(options, api);
  const count: FuzzCount = { packets: 0, messages: 0, answers: 0, hangs: 0, faults: 0 };
  const [ended, fallen]: [Record<string, number>, string[]] = [{}, []];
  let [connections, sessions, unserved] = [0, 0, 0];
  while (budget.left > 0) {
    const session = await patiently(() => readySession(api), signal);
    sessions += 1;
    const first = count.packets;
    for (let refusedSince: number | null = null; budget.left > 0; ) {
      signal.throwIfAborted();
      const hangs = count.hangs;
      const refusal = await talk(session.id, count);
      if (refusal === null) {
        connections += 1;
        refusedSince = null;
        if (count.hangs > hangs) alarm(`a connection over ${way} hung by packet ${count.packets} of seed ${seed}`);
        continue;
      }
      refusedSince ??= performance.now();
      if (performance.now() - refusedSince > REFUSED_MS) {
        alarm(`${session.id} is not served by packet ${count.packets} of seed ${seed} over ${way}: ${refusal}`);
        unserved += 1;
        break;
      }
      await sleep(RECONNECT_MS);
      if (!isLive(await patiently(() => api.session(session.id), signal))) break;
    }
    const { reason } = await patiently(() => api.session(session.id), signal);
    if (reason !== null) ended[reason] = (ended[reason] ?? 0) + 1;
    if (reason !== null && !ORDINARY_ENDS.has(reason)) {
      fallen.push(`${reason}: packets ${first} to ${count.packets}`);
      alarm(`a machine fell over ${way}: ${reason}, packets ${first} to ${count.packets} of seed ${seed}`);
    }
    await patiently(() => api.stopSession(session.id), signal).catch(() => undefined);
  }
  return { way, seed, ...count, connections, sessions, unserved, ended, fallen };
}

/** Asks again later where the api says so: a lane makes more requests in a minute than a student. */
async function patiently<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await ask();
    } catch (cause) {
      if (!(cause instanceof CliError) || cause.code !== "rate_limited" || tries >= PATIENCE_TRIES_MAX) throw cause;
      await sleep(PATIENCE_MS, undefined, { signal });
    }
  }
}

/** One connection from its beginning to its end; gives why it was refused, or null. */
type Talk = (session: string, count: FuzzCount) => Promise<string | null>;

async function talkOf({ place, way, seed, budget, signal }: FuzzOptions, api: Student["api"]): Promise<Talk> {
  const [first, ...others] = await Promise.all(
    (["__sys_listen", "init_task", "linux_banner", "inet_listen"] as const).map((name) =>
      symbolAddress(place.image, name),
    ),
  );
  const source = new FuzzPackets(new Dice(seed), [first ?? "0", ...others]);
  // What is sent must not depend on when answers come: pieces and pauses have dice of their own.
  const dice = new Dice(seed + 1);
  if (way === "link") {
    const messages = new FuzzMessages(new Dice(seed + 2), source);
    return async (session, count) => {
      using near = await FuzzNear.open(api, session, signal).catch(errorOf);
      if (near instanceof Error) return near.message;
      await talkAsNear(near, { source: messages, dice, count, budget });
      return near.refused;
    };
  }
  return async (session, count) => {
    using line = await FuzzLine.open(way, api, session, signal).catch(errorOf);
    if (line instanceof Error) return line.message;
    await talkAsGdb(line, { source, dice, count, budget });
    return null;
  };
}

/** Nothing is to be disposed of. */
const errorOf = (cause: unknown): Error & Disposable =>
  Object.assign(cause instanceof Error ? cause : new Error(String(cause)), { [Symbol.dispose]: () => undefined });

type Student = Place["students"][number];

const isLive = ({ state }: Pick<Session, "state">): boolean => state === "ready" || state === "attached";
