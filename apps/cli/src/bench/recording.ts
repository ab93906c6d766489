import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { imagePath } from "@ringside/image";
import type { Api } from "../api/calls.ts";
import type { Context } from "../context.ts";
import { childEnvironment } from "../environment.ts";
import { BENCH_STEP_MS } from "../limits.ts";
import { ConsoleClient } from "../near/console-client.ts";
import { attachArguments, startScriptedGdb } from "../processes/gdb.ts";
import { GdbGate } from "../replay/gdb-gate.ts";
import { fetchRecordedSession } from "../replay/materials.ts";
import { chooseScript, openReplay } from "../replay/open-replay.ts";
import { describeVerdict, verifyReplay } from "../replay/verify-replay.ts";
import { settledWithin } from "../settled.ts";
import { stopInListen } from "./listen-stop.ts";
import { LAB, machinePids, type Place, readySession } from "./place.ts";
import { type BenchResult, median, result, spread } from "./suite.ts";

export const RECORDED_LAB = "net-listen-recorded";
const ROUNDS = 5;
/** After the lab itself, so that there is something to measure. */
const HELLOS = 12;
const REVERSE_STEPS = 20;
const CPU_MAX = 1.7;
const LOG_KB_MAX = 100;
const REVERSE_SECONDS_MAX = 0.5;

/** A folder of labs that goes when it is disposed of. */
export interface TemporaryLabs extends AsyncDisposable {
  readonly folder: string;
}

/** The listen lab, and the same with recording on. */
export async function recordedLabs({ repoRoot }: Context): Promise<TemporaryLabs> {
  await using stack = new AsyncDisposableStack();
  const labs = await mkdtemp(join(tmpdir(), "rs-labs-"));
  stack.defer(() => rm(labs, { recursive: true, force: true }));
  for (const [from, to] of [
    [LAB, LAB],
    [LAB, RECORDED_LAB],
  ] as const) {
    await cp(join(repoRoot, "course/labs", from), join(labs, to), { recursive: true });
  }
  const file = join(labs, RECORDED_LAB, "lab.yaml");
  await writeFile(file, `${await readFile(file, "utf8")}record: true\n`);
  const all = stack.move();
  return { folder: labs, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** What recording costs on the listen lab, and how a recording runs again: exactly, and backwards. */
export async function measureRecording(place: Place, context: Context): Promise<BenchResult[]> {
  const [student] = place.students;
  if (!student) return [];
  const seconds = { plain: [] as number[], recorded: [] as number[] };
  const logs: number[] = [];
  let submission = "";
  for (let round = 0; round < ROUNDS; round++) {
    seconds.plain.push((await doTheLab(place, student.api, LAB, context)).seconds);
    const recorded = await doTheLab(place, student.api, RECORDED_LAB, context);
    seconds.recorded.push(recorded.seconds);
    const { id, recordings } = await student.api.submit(recorded.session);
    logs.push((recordings[0]?.bytes ?? Number.NaN) / 1000);
    submission = id;
  }
  const how =
    `the listen lab and ${HELLOS} more hello, ${ROUNDS} alternating rounds; CPU time of QEMU's threads from ready to the end: ` +
    `plain ${spread(seconds.plain, 3)} s, recorded ${spread(seconds.recorded, 3)} s; log: ${spread(logs, 1)} kB`;
  return [
    result("engine", {
      name: "CPU: recorded / plain",
      value: median(seconds.recorded) / median(seconds.plain),
      unit: "x",
      target: { atMost: CPU_MAX },
      how,
    }),
    result("engine", { name: "replay log", value: median(logs), unit: "kB", target: { atMost: LOG_KB_MAX }, how }),
    ...(await measureReplay(place, student.api, submission, context)),
  ];
}

async function doTheLab(place: Place, api: Api, lab: string, { signal }: Context) {
  const session = await readySession(api, lab);
  const pid = (await machinePids(place.temporary)).get(session.id) ?? -1;
  const before = await cpuSeconds(pid);
  await stopInListen(place, api, session.id, signal);
  {
    await using console = await ConsoleClient.open(api, session.id, signal);
    await console.settle();
    for (let n = 0; n <= HELLOS; n++) {
      console.send("hello\n");
      await console.expect("recv", BENCH_STEP_MS);
      await console.expect(place.image.manifest.prompt, BENCH_STEP_MS);
    }
  }
  const seconds = (await cpuSeconds(pid)) - before;
  if (lab === LAB) await api.stopSession(session.id);
  return { session: session.id, seconds };
}

/** CPU time of a process's threads, from the scheduler's own count in nanoseconds. */
async function cpuSeconds(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const times = await Promise.all(
    threads.map(async (thread) =>
      Number((await readFile(`/proc/${pid}/task/${thread}/schedstat`, "utf8")).split(" ")[0]),
    ),
  );
  return times.reduce((sum, ns) => sum + ns, 0) / 1e9;
}

async function measureReplay(place: Place, api: Api, submission: string, context: Context): Promise<BenchResult[]> {
  const session = await fetchRecordedSession(api, submission);
  const script = chooseScript(session, {});
  const { arch } = session.opened;
  const startedAt = performance.now();
  const verdict = await (async () => {
    await using replayed = await openReplay(context, { api, submission, session, script, directions: "forward" });
    return await verifyReplay(script, arch, replayed);
  })();
  const verifySeconds = (performance.now() - startedAt) / 1000;
  await using replayed = await openReplay(context, { api, submission, session, script, directions: "both" });
  await replayed.goToEvent(script.steps, script.to);
  await using gate = await GdbGate.open(replayed, "127.0.0.1", 0);
  const times = await reverseSteps(place, context, `127.0.0.1:${gate.port}`);
  const how =
    `a submission of the rounds above, run again in ${verifySeconds.toFixed(1)} s: ${describeVerdict(verdict)}; ` +
    `real gdb, ${REVERSE_STEPS} reverse-stepi from its last stop: ${spread(times, 3)} s`;
  return [
    result("engine", {
      name: "replay: differences from the recording",
      value: verdict.difference === null ? 0 : 1,
      unit: "",
      target: { atMost: 0 },
      how,
    }),
    result("engine", {
      name: "reverse-stepi, p50",
      value: median(times),
      unit: "s",
      target: { atMost: REVERSE_SECONDS_MAX },
      how,
    }),
  ];
}

const SCRIPT = [
  "import time",
  `for _ in range(${REVERSE_STEPS}):`,
  "  start = time.monotonic()",
  '  gdb.execute("reverse-stepi", to_string=True)',
  '  print("TOOK %.4f" % (time.monotonic() - start))',
].join("\\n");

async function reverseSteps(place: Place, context: Context, address: string): Promise<number[]> {
  const args = attachArguments({ debug: imagePath(place.image, "debug"), sources: undefined }, address);
  const lines: string[] = [];
  const commands = [`python exec('${SCRIPT}')`, "detach", "quit"];
  await using gdb = await startScriptedGdb(args, commands, childEnvironment(context.environment), (line) =>
    lines.push(line),
  );
  await settledWithin(gdb.exited, BENCH_STEP_MS);
  const times = lines.flatMap((line) => /^TOOK ([\d.]+)$/.exec(line)?.[1] ?? []).map(Number);
  if (times.length === 0) throw new Error(`gdb did not step backwards:\n${lines.slice(-8).join("\n")}`);
  return times;
}
