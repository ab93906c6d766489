import { type BenchResult, type BenchTable, result, type Target } from "../suite.ts";
import { PATHS, type Path, type WayOptions } from "./path.ts";
import { type Sameness, TextComparison } from "./same-text.ts";
import { type Done, runStudentSession, type StudentSession } from "./student-session.ts";

const ROUND_TRIPS_MS = [0, 50, 100, 200] as const;
const PATH_NAMES: Readonly<Record<Path, string>> = {
  plain: "straight",
  tcp: "TCP entry",
  agent: "near agent",
};

/** Figures over one action or several: round trips through the near agent. */
const AGENT_TARGETS: readonly {
  readonly name: string;
  readonly actions: readonly string[];
  readonly atMost: number;
}[] = [
  { name: "attach, WebSocket already up", actions: ["connect"], atMost: 2 },
  {
    name: "after a stop: bt, registers, stack, code, locals",
    actions: [
      "bt",
      "bt again",
      "info registers",
      "p $rip",
      "x/16gx, x/32gx $sp",
      "x/8i $pc",
      "disassemble",
      "info args, info locals",
    ],
    atMost: 0,
  },
  { name: "stepi x10", actions: ["stepi x10"], atMost: 10 },
  { name: "next x10 in inet_listen", actions: ["next x10 in inet_listen"], atMost: 20 },
  { name: "finish", actions: ["finish"], atMost: 1 },
  {
    name: "continue to a breakpoint, bt, args",
    actions: ["continue to a breakpoint, bt, args"],
    atMost: 2,
  },
  { name: "condition, 20 misses", actions: ["condition, 20 misses"], atMost: 2 },
  { name: "condition, 1000 misses", actions: ["condition, 1000 misses"], atMost: 2 },
  { name: "watch -l, continue", actions: ["watch -l, continue"], atMost: 3 },
  { name: "software watch, some 75 steps", actions: ["software watch, some 75 steps"], atMost: 10 },
  { name: "lx-ps", actions: ["lx-ps"], atMost: 2 },
  { name: "lx-dmesg", actions: ["lx-dmesg"], atMost: 8 },
];
const TOTAL_MAX: Readonly<Record<Path, Target | undefined>> = {
  plain: undefined,
  tcp: { atMost: 450 },
  agent: { atMost: 120 },
};

interface Run {
  readonly path: Path;
  readonly rttMs: number;
  readonly session: StudentSession;
}

/**
 * The scripted student session on each path and at each length of line: round trips, wall time, and whether gdb
 * prints the same as straight to the stub.
 */
export async function measureSession(
  options: WayOptions,
  say: (line: string) => void,
  roundTripsMs: readonly number[] = ROUND_TRIPS_MS,
): Promise<BenchResult[]> {
  const runs: Run[] = [];
  for (const rttMs of roundTripsMs) {
    for (const path of PATHS) {
      say(`36 actions, ${PATH_NAMES[path]}, ${rttMs} ms …`);
      // A thousand misses straight to the stub are 7,000 round trips.
      const session = await runStudentSession(path, rttMs, options, rttMs === 0);
      runs.push({ path, rttMs, session });
    }
  }
  return [...countFigures(runs), ...textFigures(runs), ...wallFigures(runs)];
}

const actionsOf = ({ actions, manyMisses }: StudentSession): readonly Done[] =>
  manyMisses === null ? actions : [...actions, manyMisses];

const sum = (actions: readonly Done[], of: (action: Done) => number): number =>
  actions.reduce((total, action) => total + of(action), 0);

function turnsOf(session: StudentSession, names: readonly string[]): number {
  return sum(
    actionsOf(session).filter(({ name }) => names.includes(name)),
    ({ turns }) => turns,
  );
}

function countFigures(runs: readonly Run[]): BenchResult[] {
  const results: BenchResult[] = [];
  for (const path of PATHS) {
    const own = runs.filter((run) => run.path === path);
    const totals = own.map(({ session }) => sum(session.actions, ({ turns }) => turns));
    const [first] = own;
    if (first === undefined) continue;
    const how = `real gdb, one template, ${first.session.spoken}; totals by line: ${totals.join(", ")}`;
    const name = `round trips of all 36 actions, ${PATH_NAMES[path]}`;
    const target = TOTAL_MAX[path];
    results.push(result("link", { name, value: Math.max(...totals), unit: "", how, ...(target && { target }) }));
    if (path !== "agent") continue;
    for (const { name, actions, atMost } of AGENT_TARGETS) {
      const counts = own.filter(({ session }) =>
        actions.every((one) => actionsOf(session).some((a) => a.name === one)),
      );
      const value = Math.max(...counts.map(({ session }) => turnsOf(session, actions)));
      results.push(result("link", { name: `round trips: ${name}`, value, unit: "", how, target: { atMost } }));
    }
  }
  return results.map((one, n) => (n === 0 ? { ...one, table: countTable(runs) } : one));
}

/** One row per action: round trips on each path, then wall times. */
function countTable(runs: readonly Run[]): BenchTable {
  const rows = new Map<string, string[]>();
  const head = ["action"];
  const add = (run: Run, title: string, text: (action: Done) => string) => {
    head.push(title);
    for (const action of actionsOf(run.session)) {
      const row = rows.get(action.name) ?? [action.name];
      while (row.length < head.length - 1) row.push("");
      row.push(text(action));
      rows.set(action.name, row);
    }
  };
  for (const path of PATHS) {
    const run = runs.find((one) => one.path === path);
    if (run) add(run, `${PATH_NAMES[path]} RT`, ({ turns }) => String(turns));
  }
  for (const run of runs) add(run, `${PATH_NAMES[run.path]} ${run.rttMs}`, ({ ms }) => (ms / 1_000).toFixed(2));
  return { title: "Round trips, and seconds at so many ms of round trip", head, rows: [...rows.values()] };
}

function wallFigures(runs: readonly Run[]): BenchResult[] {
  return runs.map(({ path, rttMs, session }) =>
    result("link", {
      name: `all 36 actions at ${rttMs} ms, ${PATH_NAMES[path]}`,
      value: sum(session.actions, ({ ms }) => ms) / 1_000,
      unit: "s",
      how: "wall time of the actions as gdb's user has it, one run each",
    }),
  );
}

/** Every run against the first one straight to the stub. */
function textFigures(runs: readonly Run[]): BenchResult[] {
  const [reference, ...others] = runs;
  if (reference === undefined) return [];
  return others.map(({ path, rttMs, session }) => {
    const comparison = new TextComparison();
    const found = actionsOf(session).flatMap((action) => {
      const expected = actionsOf(reference.session).find(({ name }) => name === action.name);
      return expected ? [{ name: action.name, is: comparison.compare(expected.text, action.text) }] : [];
    });
    const different = found.filter(({ is }) => is.kind === "different");
    const moved = found.filter(({ is }) => is.kind === "other addresses").length;
    return result("link", {
      name: `actions whose text differs at ${rttMs} ms, ${PATH_NAMES[path]}`,
      value: different.length,
      unit: "",
      target: { atMost: 0 },
      how:
        `against the first run straight to the stub: ${found.length} compared, ${moved} of them name other addresses ` +
        `of the guest's heap${different.length === 0 ? "" : `; ${different.map(describe).join("; ")}`}`,
    });
  });
}

function describe({ name, is }: { readonly name: string; readonly is: Sameness }): string {
  if (is.kind !== "different") return `${name}: ${is.kind}`;
  return `${name}, line ${is.line}: ${JSON.stringify(is.found)} instead of ${JSON.stringify(is.expected)}`;
}
