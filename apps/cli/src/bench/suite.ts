import type { Context } from "../context.ts";

/** One figure of a bench. */
export interface BenchResult {
  readonly suite: string;
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it must be, such as ">= 5"; null where it is only for information. */
  readonly target: string | null;
  readonly met: boolean | null;
  /** How it was measured: rounds, spread, against what. */
  readonly how: string;
  /** What the figure is the sum of. */
  readonly table?: BenchTable;
}

export interface BenchTable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Suite {
  readonly name: string;
  readonly summary: string;
  /** Names of its parts, where it can be run in parts. */
  readonly parts?: readonly string[];
  /** Parts that are run only by their names: they take long. */
  readonly longParts?: readonly string[];
  readonly run: (context: Context, say: (line: string) => void, options: RunOptions) => Promise<BenchResult[]>;
}

export interface RunOptions {
  /** Only this part. */
  readonly part?: string | undefined;
  /** For a part that sends at random: how many, and what repeats them. */
  readonly count?: number | undefined;
  readonly seed?: number | undefined;
}

export type Target = { readonly atLeast: number } | { readonly atMost: number };

/** A result with its target, if it has one. */
export function result(
  suite: string,
  figure: {
    readonly name: string;
    readonly value: number;
    readonly unit: string;
    readonly how: string;
    readonly target?: Target;
  },
): BenchResult {
  const { target, ...rest } = figure;
  if (target === undefined) return { suite, ...rest, target: null, met: null };
  return "atLeast" in target
    ? { suite, ...rest, target: `>= ${target.atLeast}`, met: figure.value >= target.atLeast }
    : { suite, ...rest, target: `<= ${target.atMost}`, met: figure.value <= target.atMost };
}

/** The middle of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The value below which the share `q` (0 to 1) of some numbers lies, by the nearest rank. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.max(1, Math.ceil(q * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}

/** Median, smallest and largest as text. */
export function spread(values: readonly number[], digits = 0): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `median ${median(values).toFixed(digits)}, ${low.toFixed(digits)} to ${high.toFixed(digits)} of ${values.length}`;
}
