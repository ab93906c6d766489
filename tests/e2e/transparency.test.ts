import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DirectMachines } from "../../apps/cli/src/bench/link/direct-machine.ts";
import { openWay, type Path, SETTINGS } from "../../apps/cli/src/bench/link/path.ts";
import { TextComparison } from "../../apps/cli/src/bench/link/same-text.ts";
import { type GdbText, ScriptedGdb } from "../../apps/cli/src/bench/link/scripted-gdb.ts";
import { calm, gdbArguments } from "../../apps/cli/src/bench/link/student-session.ts";
import { childEnvironment } from "../../apps/cli/src/environment.ts";
import { startTestBox, type TestBox } from "../support/test-box.ts";
import { type Group, groups } from "./transparency-scripts.ts";

// gdb's users must not see a difference between a machine's own stub and Ringside's ways to it.
let box: TestBox;
let direct: DirectMachines;
let folder: string;
/**
 * What a guest's interrupts leave on its stacks, and a single step of QEMU's that does not step, differ between any two
 * machines. A script that differs is run again with its group on other machines; what a link does comes back each time.
 */
const TRIES = 3;
const GROUP_MS = 240_000;
const SCRIPT_MS = 40_000;
const WAYS: readonly Exclude<Path, "plain">[] = ["tcp", "agent"];

/** What gdb printed, script by script, and the files that it wrote. */
interface Run {
  readonly texts: readonly GdbText[];
  readonly files: ReadonlyMap<string, string>;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rs-text-"));
  box = await startTestBox(1);
  direct = await DirectMachines.open(box.context, box.image);
});

afterAll(async () => {
  await direct[Symbol.asyncDispose]();
  await box[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** One folder for all runs, so that its name is the same in what gdb prints. */
const surroundings = () => ({
  menuos: join(box.image.folder, "programs/menuos"),
  folder: join(folder, "out"),
  kernelScripts: join(box.image.folder, "gdb/vmlinux-gdb.py"),
});

/** Runs a group's scripts on a machine of their own. */
async function runGroup(path: Path, group: Group): Promise<Run> {
  const options = { context: box.context, place: box.place, direct };
  await mkdir(join(folder, "out"), { recursive: true });
  await using way = await openWay(path, 0, options);
  await calm(way.console);
  const env = childEnvironment(box.context.environment);
  await using gdb = await ScriptedGdb.start(await gdbArguments(options, SETTINGS[path]), env);
  const texts: GdbText[] = [];
  const run = async (script: { commands: readonly string[] }) => {
    const { stdout, stderr } = await gdb.run(script, way.console, SCRIPT_MS);
    texts.push({ stdout: known(stdout, way.address), stderr: known(stderr, way.address) });
  };
  await run({ commands: [`target remote ${way.address}`] });
  for (const script of group.scripts) await run(script);
  const files = new Map<string, string>();
  for (const name of await readdir(join(folder, "out"))) {
    files.set(name, await readFile(join(folder, "out", name), "latin1"));
  }
  await rm(join(folder, "out"), { recursive: true });
  return { texts, files };
}

/** Known to differ: the line's address, and that `info breakpoints` says who looks at a condition. */
function known(text: string, address: string): string {
  return text.replaceAll(address, "ADDRESS").replaceAll(/ \((?:target|host) evals\)/g, "");
}

/** The scripts of a group whose text is another, with how. */
function differences(group: Group, expected: Run, found: Run): Map<string, string> {
  const comparison = new TextComparison();
  const different = new Map<string, string>();
  for (const [n, { name }] of [{ name: "connect" }, ...group.scripts].entries()) {
    const [a, b] = [expected.texts[n], found.texts[n]];
    if (a === undefined || b === undefined) throw new Error(`${name} was not run`);
    const is = comparison.compare(a, b);
    if (is.kind === "different") different.set(name, `${is.expected}  →  ${is.found}`);
  }
  for (const name of new Set([...expected.files.keys(), ...found.files.keys()])) {
    const [a, b] = [expected.files.get(name), found.files.get(name)];
    // What stands on a stack is another machine's own: of that only the length is compared.
    if (a?.length !== b?.length || (name !== "stack" && a !== b)) different.set(`file ${name}`, "");
  }
  return different;
}

describe("gdb prints the same as straight to the stub", () => {
  it("with at least forty scripts", () => {
    expect(groups(surroundings()).flatMap(({ scripts }) => scripts).length).toBeGreaterThanOrEqual(40);
  });

  for (const group of groups({ menuos: "", folder: "", kernelScripts: "" })) {
    it(
      group.name,
      async () => {
        const scripts = groups(surroundings()).find(({ name }) => name === group.name) ?? group;
        const left = new Map(WAYS.map((way) => [way, new Map<string, string>()]));
        for (let round = 0; round < TRIES; round += 1) {
          const expected = await runGroup("plain", scripts);
          for (const way of WAYS) {
            const before = left.get(way);
            if (round > 0 && before?.size === 0) continue;
            const now = differences(scripts, expected, await runGroup(way, scripts));
            left.set(way, round === 0 ? now : new Map([...now].filter(([name]) => before?.has(name))));
          }
          if ([...left.values()].every(({ size }) => size === 0)) break;
        }
        expect(Object.fromEntries([...left].map(([way, found]) => [way, [...found]]))).toEqual({ tcp: [], agent: [] });
      },
      GROUP_MS,
    );
  }
});
