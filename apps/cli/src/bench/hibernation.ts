import { ConsoleClient } from "../near/console-client.ts";
import { type Place, readySession } from "./place.ts";
import { StubClient } from "./stub-client.ts";
import { type BenchResult, median, quantile, result, spread } from "./suite.ts";

export const SESSIONS = 300;
export const LIVE_SESSIONS = 60;
const AT_ONCE = 6;
const CONSOLE_MS = 20_000;
const WAKE_P50_MS_MAX = 100;
const STATE_BYTES_MAX = 1_000_000;

interface Sleeper {
  readonly api: Place["students"][number]["api"];
  readonly session: string;
  /** A word that only this guest's memory holds. */
  readonly word: string;
}

/** A term's sessions on one box: some live, the rest saved; then every one is asked for a word that only its memory holds. */
export async function measureHibernation(place: Place, signal: AbortSignal): Promise<BenchResult[]> {
  const students = place.students.slice(0, SESSIONS);
  const hibernateMs: number[] = [];
  const bytes: number[] = [];
  const sleepers = await inLanes(AT_ONCE, students, async ({ api }, n) => {
    const sleeper = await startWithWord(api, `w${n}x${Math.trunc(Math.random() * 1e9)}`, signal);
    if (n >= LIVE_SESSIONS) bytes.push(await hibernate(sleeper, hibernateMs));
    return sleeper;
  });
  const wakeMs: number[] = [];
  let right = 0;
  await inLanes(1, sleepers, async (sleeper, n) => {
    if (n >= LIVE_SESSIONS) wakeMs.push(await wake(sleeper));
    if (await holdsItsWord(sleeper, signal)) right++;
    await sleeper.api.stopSession(sleeper.session);
  });
  const how =
    `${sleepers.length} sessions, ${LIVE_SESSIONS} live and ${bytes.length} hibernated at once, put to sleep ${AT_ONCE} at a time and woken one by one; ` +
    `each guest's shell holds a word of its own, typed before and asked for afterwards; ` +
    `hibernating: ${spread(hibernateMs)} ms; state: ${spread(bytes.map((b) => b / 1000))} kB; ` +
    `wake: debugger's connection asked for to the stub's first answer, ${spread(wakeMs)} ms, p90 ${quantile(wakeMs, 0.9).toFixed(0)} ms`;
  return [
    result("engine", {
      name: `sessions of ${sleepers.length} that hold their memory after waking`,
      value: right,
      unit: "",
      target: { atLeast: sleepers.length },
      how,
    }),
    result("engine", {
      name: "largest saved state",
      value: Math.max(...bytes) / 1000,
      unit: "kB",
      target: { atMost: STATE_BYTES_MAX / 1000 },
      how,
    }),
    result("engine", {
      name: "wake, p50",
      value: median(wakeMs),
      unit: "ms",
      target: { atMost: WAKE_P50_MS_MAX },
      how,
    }),
  ];
}

async function startWithWord(api: Sleeper["api"], word: string, signal: AbortSignal): Promise<Sleeper> {
  const session = await readySession(api);
  await using console = await ConsoleClient.open(api, session.id, signal);
  await console.settle();
  console.send("shell\n");
  await console.expect("# ", CONSOLE_MS);
  console.send(`word=${word}\n`);
  await console.expect("# ", CONSOLE_MS);
  return { api, session: session.id, word };
}

async function hibernate({ api, session }: Sleeper, times: number[]): Promise<number> {
  const askedAt = performance.now();
  const { hibernatedBytes } = await api.hibernate(session);
  times.push(performance.now() - askedAt);
  return hibernatedBytes ?? 0;
}

async function wake({ api, session }: Sleeper): Promise<number> {
  const askedAt = performance.now();
  const entry = await api.tcpEntry(session);
  using stub = await StubClient.connect({ host: entry.host, port: entry.port });
  const ms = performance.now() - askedAt;
  await stub.ask("D");
  return ms;
}

async function holdsItsWord({ api, session, word }: Sleeper, signal: AbortSignal): Promise<boolean> {
  await using console = await ConsoleClient.open(api, session, signal);
  console.send('echo "<$word>"\n');
  return await console.expect(`<${word}>`, CONSOLE_MS).then(
    () => true,
    () => false,
  );
}

/** Does `work` for each of `all`, so many at a time, and gives the results in order. */
async function inLanes<T, R>(lanes: number, all: readonly T[], work: (one: T, n: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async () => {
    while (next < all.length) {
      const n = next++;
      results[n] = await work(all[n] as T, n);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return results;
}
