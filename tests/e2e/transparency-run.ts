import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DirectMachines } from "../../apps/cli/src/bench/link/direct-machine.ts";
import { openWay, type Path, SETTINGS } from "../../apps/cli/src/bench/link/path.ts";
import { TextComparison } from "../../apps/cli/src/bench/link/same-text.ts";
import { type GdbText, ScriptedGdb } from "../../apps/cli/src/bench/link/scripted-gdb.ts";
import { calm, gdbArguments } from "../../apps/cli/src/bench/link/student-session.ts";
import { childEnvironment } from "../../apps/cli/src/environment.ts";
import { startTestBox, type TestBox } from "../support/test-box.ts";
import type { Group, Surroundings } from "./transparency-scripts.ts";

const SCRIPT_MS = 40_000;

/** What gdb printed, script by script, and the files that it wrote. */
export interface Run {
  readonly texts: readonly GdbText[];
  readonly files: ReadonlyMap<string, string>;
}

/** Something between gdb and the way's address. */
export interface Between extends AsyncDisposable {
  readonly address: string;
}

/** Where groups of scripts are run: a box, and machines without one. */
export class TransparencyBed implements AsyncDisposable {
  readonly #box: TestBox;
  readonly #direct: DirectMachines;
  readonly #folder: string;

  private constructor(box: TestBox, direct: DirectMachines, folder: string) {
    this.#box = box;
    this.#direct = direct;
    this.#folder = folder;
  }

  static async open(): Promise<TransparencyBed> {
    const folder = await mkdtemp(join(tmpdir(), "rs-text-"));
    const box = await startTestBox(1);
    return new TransparencyBed(box, await DirectMachines.open(box.context, box.image), folder);
  }

  /** One folder for all runs, so that its name is the same in what gdb prints. */
  get surroundings(): Surroundings {
    const { folder } = this.#box.image;
    return {
      menuos: join(folder, "programs/menuos"),
      folder: join(this.#folder, "out"),
      kernelScripts: join(folder, "gdb/vmlinux-gdb.py"),
    };
  }

  /**
   * Runs a group's scripts on a machine of their own.
   * @param between what gdb is led through
   */
  async runGroup(path: Path, group: Group, between?: (address: string) => Promise<Between>): Promise<Run> {
    const options = { context: this.#box.context, place: this.#box.place, direct: this.#direct };
    const out = join(this.#folder, "out");
    await mkdir(out, { recursive: true });
    await using way = await openWay(path, between === undefined ? 0 : null, options);
    await using line = (await between?.(way.address)) ?? null;
    const address = line?.address ?? way.address;
    await calm(way.console);
    const env = childEnvironment(this.#box.context.environment);
    await using gdb = await ScriptedGdb.start(await gdbArguments(options, SETTINGS[path]), env);
    const texts: GdbText[] = [];
    const run = async (script: { commands: readonly string[] }) => {
      const { stdout, stderr } = await gdb.run(script, way.console, SCRIPT_MS);
      texts.push({ stdout: known(stdout, address), stderr: known(stderr, address) });
    };
    await run({ commands: [`target remote ${address}`] });
    for (const script of group.scripts) await run(script);
    const files = new Map<string, string>();
    for (const name of await readdir(out)) files.set(name, await readFile(join(out, name), "latin1"));
    await rm(out, { recursive: true });
    return { texts, files };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#direct[Symbol.asyncDispose]();
    await this.#box[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Known to differ: the line's address, and that `info breakpoints` says who looks at a condition. */
function known(text: string, address: string): string {
  return text.replaceAll(address, "ADDRESS").replaceAll(/ \((?:target|host) evals\)/g, "");
}

/** The scripts of a group whose text is another, with how. */
export function differences(group: Group, expected: Run, found: Run): Map<string, string> {
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
