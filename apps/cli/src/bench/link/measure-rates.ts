import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { childEnvironment } from "../../environment.ts";
import { type BenchResult, median, result, spread } from "../suite.ts";
import { openWay, PATHS, type Path, type WayOptions } from "./path.ts";
import { ScriptedGdb } from "./scripted-gdb.ts";
import { calm, gdbArguments } from "./student-session.ts";

const ROUNDS = 3;
const STEPS = 600;
const DUMP_BYTES = 1024 * 1024;
const DUMPS = 5;
const STEP_MIN = { tcp: 0.5, agent: 0.4 } as const;
const DUMP_MIN = 1.1;

/** gdb's own loops, timed inside gdb. */
const timed = (name: string, count: number, command: string): string =>
  `python exec('import time\\nstart = time.monotonic()\\nfor _ in range(${count}): gdb.execute("${command}", to_string=True)` +
  `\\nprint("${name} %.6f" % (time.monotonic() - start))')`;

interface Rates {
  readonly stepsPerSecond: number;
  readonly megabytesPerSecond: number;
}

/** Single steps and memory dumps of a real gdb with no line in between, on the three paths in turn. */
export async function measureRates(options: WayOptions): Promise<BenchResult[]> {
  const rates: Record<Path, Rates[]> = { plain: [], tcp: [], agent: [] };
  const folder = await mkdtemp(join(tmpdir(), "rs-dump-"));
  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (const path of PATHS) rates[path].push(await ratesOf(path, options, join(folder, "dump")));
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const of = (path: Path, rate: keyof Rates) => rates[path].map((one) => one[rate]);
  const ratio = (path: Path, rate: keyof Rates) => median(of(path, rate)) / median(of("plain", rate));
  const how = (rate: keyof Rates) =>
    `real gdb, ${ROUNDS} rounds in turn; straight: ${spread(of("plain", rate), 1)}, TCP entry: ` +
    `${spread(of("tcp", rate), 1)}, near agent: ${spread(of("agent", rate), 1)}`;
  const figure = (name: string, path: Path, rate: keyof Rates, atLeast?: number) =>
    result("link", {
      name,
      value: ratio(path, rate),
      unit: "x",
      how: how(rate),
      ...(atLeast !== undefined && { target: { atLeast } }),
    });
  return [
    figure("stepi per second: TCP entry / straight", "tcp", "stepsPerSecond", STEP_MIN.tcp),
    figure("stepi per second: near agent / straight", "agent", "stepsPerSecond", STEP_MIN.agent),
    figure("memory dump of 1 MiB: TCP entry / straight", "tcp", "megabytesPerSecond", DUMP_MIN),
    figure("memory dump of 1 MiB: near agent / straight", "agent", "megabytesPerSecond"),
  ];
}

async function ratesOf(path: Path, options: WayOptions, file: string): Promise<Rates> {
  await using way = await openWay(path, null, options);
  await calm(way.console);
  const env = childEnvironment(options.context.environment);
  await using gdb = await ScriptedGdb.start(await gdbArguments(options, []), env);
  const { stdout } = await gdb.run(
    {
      commands: [
        `target remote ${way.address}`,
        "break sys_listen",
        "continue",
        "delete",
        timed("DUMPED", DUMPS, `dump binary memory ${file} (long)$sp&~0xfffff ((long)$sp&~0xfffff)+${DUMP_BYTES}`),
        timed("STEPPED", STEPS, "stepi"),
        "detach",
      ],
      typed: [{ line: "replyhi" }],
    },
    way.console,
  );
  const seconds = (name: string): number => {
    const text = new RegExp(`^${name} ([\\d.]+)$`, "m").exec(stdout)?.[1];
    if (text === undefined) throw new Error(`gdb did not come to ${name}:\n${stdout.slice(-600)}`);
    return Number(text);
  };
  return {
    stepsPerSecond: STEPS / seconds("STEPPED"),
    megabytesPerSecond: (DUMPS * DUMP_BYTES) / 1e6 / seconds("DUMPED"),
  };
}
