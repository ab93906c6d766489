import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { childEnvironment } from "../../environment.ts";
import { BENCH_ACTION_MS, BENCH_STEP_MS } from "../../limits.ts";
import { startNearAgent } from "../../processes/near-agent.ts";
import { readySession } from "../place.ts";
import { type BenchResult, type BenchTable, median, result, spread } from "../suite.ts";
import { ApiFront } from "./api-front.ts";
import { DelayLine } from "./delay-line.ts";
import { openWay, type Path, type WayOptions } from "./path.ts";
import { ScriptedGdb } from "./scripted-gdb.ts";

const ROUND_TRIP_MS = 200;
const ROUNDS = 5;
const FIRST_S_MAX = 5;
const LATER_S_MAX = 1.5;
const NARROW_MEGABITS = 20;

/** What gdb says once it has the kernel's types; it was started without a file. */
const KNOWS = "type = int (int, int)";

/** Seconds from the start of `ringside connect`, and of gdb behind it. */
interface Attached {
  readonly all: number;
  readonly gdb: number;
  /** Of the processor, that `ringside connect` took until it listened. */
  readonly cpu: number;
}

interface Round {
  /** With an empty cache. */
  readonly first: Attached;
  /** Seconds of a second gdb at the same `ringside connect`. */
  readonly again: number;
  /** With another `ringside connect` and what the first has left in the cache. */
  readonly anew: Attached;
}

/**
 * A gdb without any file that attaches over a line of 200 ms through `ringside connect` and knows the kernel's types:
 * with an empty cache, again, and with what the first time has left in the cache. Everything goes over the line, the
 * api's answers and the symbols, too; a connection costs a round trip before its first byte.
 */
export async function measureSymbols(options: WayOptions, say: (line: string) => void): Promise<BenchResult[]> {
  // The server compresses the file for the first to ask.
  await oneRound(options, undefined);
  const rounds: Round[] = [];
  for (let n = 1; n <= ROUNDS; n++) {
    say(`symbols, ${ROUND_TRIP_MS} ms, ${n} of ${ROUNDS} …`);
    rounds.push(await oneRound(options, undefined));
  }
  say(`symbols, ${ROUND_TRIP_MS} ms and ${NARROW_MEGABITS} Mbit/s …`);
  const { first: narrow } = await oneRound(options, NARROW_MEGABITS);
  say("symbols, the alternatives …");
  const others = [
    information(`attach with symbols at ${NARROW_MEGABITS} Mbit/s, the first time`, narrow.all, "one run"),
    ...(await alternatives(options)),
  ];
  return [...figures(rounds), ...others].map((one, n) => (n === 0 ? { ...one, table: table(rounds) } : one));
}

const information = (name: string, value: number, how: string) => result("link", { name, value, unit: "s", how });

function figures(rounds: readonly Round[]): BenchResult[] {
  const of = (seconds: (round: Round) => number) => {
    const all = rounds.map(seconds);
    return { value: median(all), spread: spread(all, 2) };
  };
  const first = of((round) => round.first.all);
  const again = of((round) => round.again);
  const anew = of((round) => round.anew.all);
  const from = "from the start of `ringside connect` to a real gdb without a file that knows the kernel's types";
  return [
    result("link", {
      ...{ name: "attach with symbols at 200 ms, the first time", value: first.value, unit: "s" },
      target: { atMost: FIRST_S_MAX },
      how:
        `${from}: ${first.spread}; of it gdb ${of((round) => round.first.gdb).spread}; ` +
        `CPU of \`ringside connect\` ${of((round) => round.first.cpu).spread}`,
    }),
    result("link", {
      ...{ name: "attach with symbols at 200 ms, later", value: again.value, unit: "s" },
      target: { atMost: LATER_S_MAX },
      how: `from the start of gdb, at a \`ringside connect\` that runs: ${again.spread}`,
    }),
    information(
      "attach with symbols at 200 ms, later, `ringside connect` started anew",
      anew.value,
      `${from}: ${anew.spread}; CPU of \`ringside connect\` ${of((round) => round.anew.cpu).spread}`,
    ),
  ];
}

function table(rounds: readonly Round[]): BenchTable {
  const rows = rounds.map(({ first, again, anew }, n) =>
    [n + 1, ...[first.all, first.gdb, first.cpu, again, anew.all, anew.cpu].map((one) => one.toFixed(2))].map(String),
  );
  const head = ["round", "first", "of it gdb", "CPU of connect", "later", "connect anew", "CPU of connect"];
  return { title: "Seconds to a gdb with the kernel's types", head, rows };
}

/** An empty cache, then twice what is in it. */
async function oneRound(options: WayOptions, megabits: number | undefined): Promise<Round> {
  const { context, place } = options;
  const student = place.students[options.student ?? 0];
  if (student === undefined) throw new Error("the bench needs a student");
  const cache = await mkdtemp(join(tmpdir(), "rs-symbols-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(cache, { recursive: true, force: true }));
  const session = await readySession(student.api);
  stack.defer(async () => {
    await student.api.stopSession(session.id);
  });
  const url = await frontAtLine(stack, place.temporary.box.url, megabits);
  const attach = async (count: number) => {
    const startedAt = performance.now();
    await using agent = await startNearAgent({
      ...{ repoRoot: context.repoRoot, env: childEnvironment(context.environment), timeoutMs: BENCH_STEP_MS },
      ...{ url, token: student.token, session: session.id, symbolsIn: cache },
    });
    const cpu = await cpuSeconds(agent.child.pid);
    const gdb = await secondsOfGdb(options, cache, agent.address, []);
    const all = (performance.now() - startedAt) / 1_000;
    const again = count > 1 ? await secondsOfGdb(options, cache, agent.address, []) : Number.NaN;
    return { attached: { all, gdb, cpu }, again };
  };
  const { attached: first, again } = await attach(2);
  const { attached: anew } = await attach(1);
  return { first, again, anew };
}

/** The address of an api that is behind a line, as its cell is. */
async function frontAtLine(stack: AsyncDisposableStack, apiUrl: string, megabits: number | undefined): Promise<string> {
  const meter = { up: () => undefined, down: () => undefined };
  const shape = { delayMs: ROUND_TRIP_MS / 2, setUp: "delayed" as const, megabits, meter };
  const toCell: DelayLine = stack.use(await DelayLine.open({ ...shape, target: () => front.cell }));
  const front = stack.use(await ApiFront.open(apiUrl, () => toCell.port));
  const { hostname: host, port } = new URL(front.url);
  const toApi = stack.use(await DelayLine.open({ ...shape, target: () => ({ host, port: Number(port) }) }));
  return `http://127.0.0.1:${toApi.port}`;
}

/** Of a process and its threads, up to now (proc(5): utime and stime, in hundredths of a second). */
async function cpuSeconds(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Seconds until a gdb has attached and knows what it was asked. @param before its file, if it has one */
async function secondsOfGdb(
  { context }: WayOptions,
  home: string,
  address: string,
  before: readonly string[],
  knows = KNOWS,
): Promise<number> {
  const startedAt = performance.now();
  const env = { ...childEnvironment(context.environment), HOME: home };
  const settings = ["-q", "-iex", "set confirm off", "-iex", "set remotetimeout 30", ...before];
  await using gdb = await ScriptedGdb.start(settings, env);
  const nobody = { send: () => undefined, expect: () => Promise.resolve() };
  const commands = [`target remote ${address}`, "whatis __sys_listen"];
  const { stdout, stderr } = await gdb.run({ commands }, nobody, BENCH_ACTION_MS);
  if (!stdout.includes(knows)) throw new Error(`gdb knows no types:\n${stdout}\n${stderr}`);
  const seconds = (performance.now() - startedAt) / 1_000;
  await gdb.run({ commands: ["detach"] }, nobody);
  return seconds;
}

/** For comparison: gdb with the file on its disk straight to the stub, and gdb without one at the TCP entry. */
async function alternatives(options: WayOptions): Promise<BenchResult[]> {
  const { place } = options;
  const home = await mkdtemp(join(tmpdir(), "rs-symbols-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(home, { recursive: true, force: true }));
  const file = join(place.image.folder, place.image.manifest.files.debug.path);
  const over = async (path: Path, before: readonly string[], knows = KNOWS) => {
    await using way = await openWay(path, ROUND_TRIP_MS, options);
    return await secondsOfGdb(options, home, way.address, before, knows);
  };
  const plain = await over("plain", [file]);
  const tcp = await over("tcp", [], "<text variable, no debug info>");
  return [
    information("gdb with the file on its disk, straight to the stub, at 200 ms", plain, "one run"),
    information("gdb without a file at the TCP entry, at 200 ms: symbols only", tcp, "one run"),
  ];
}
