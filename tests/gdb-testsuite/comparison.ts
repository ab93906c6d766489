import type { FrameCounts } from "./recoder.ts";
import type { TestLine } from "./sum.ts";

/** One run of one test file. */
export interface FileRun {
  readonly lines: readonly TestLine[];
  readonly seconds: number;
  /** Why there are no results, or not all; null where the file came to its end. */
  readonly broken: string | null;
}

/** All runs of one test file: as many through the codec as direct. */
export interface FileResult {
  readonly file: string;
  readonly direct: readonly FileRun[];
  readonly codec: readonly FileRun[];
  /** What went through the codec in its first run. */
  readonly frames: FrameCounts;
}

export interface Difference {
  /** Tests that passed in every direct run and in none through the codec: what the codec breaks. */
  readonly lost: readonly string[];
  /** Tests that passed in some of the runs of one way only: they differ from run to run by themselves. */
  readonly unsteady: readonly string[];
}

/** How often each test passed; tests of one file may share a name. */
function passesOf(run: FileRun): ReadonlyMap<string, number> {
  const passes = new Map<string, number>();
  for (const { status, name } of run.lines) if (status === "PASS") passes.set(name, (passes.get(name) ?? 0) + 1);
  return passes;
}

export function passed(run: FileRun | undefined): number {
  return run?.lines.filter(({ status }) => status === "PASS").length ?? 0;
}

export function failed(run: FileRun | undefined): number {
  const bad = new Set(["FAIL", "UNRESOLVED", "ERROR", "XPASS", "KPASS"]);
  return run?.lines.filter(({ status }) => bad.has(status)).length ?? 0;
}

/** Compares what passed each way, test by test. */
export function difference(result: Pick<FileResult, "direct" | "codec">): Difference {
  const direct = result.direct.map(passesOf);
  const codec = result.codec.map(passesOf);
  const lost: string[] = [];
  const unsteady: string[] = [];
  for (const name of new Set([...direct, ...codec].flatMap((passes) => [...passes.keys()]))) {
    const [directly, through] = [direct, codec].map((runs) => runs.map((passes) => passes.get(name) ?? 0));
    if (directly === undefined || through === undefined) continue;
    if (Math.min(...directly) > Math.max(...through)) lost.push(name);
    else if (new Set([...directly, ...through]).size > 1) unsteady.push(name);
  }
  return { lost, unsteady };
}

/** True where a file is to be run again, both ways, to tell what the codec breaks from what is unsteady. */
export function needsAnotherRound(result: Pick<FileResult, "direct" | "codec">): boolean {
  return difference(result).lost.length > 0;
}
