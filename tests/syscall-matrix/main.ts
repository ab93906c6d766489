import { parseArgs } from "node:util";
import { DIGITS, type MatrixRun, runTarget, startMatrixBed, type Target, targetOf } from "./matrix.ts";

// Every system call of the lab syscall-by-number, by both ways into the kernel, on real machines. README.md.
const say = (text: string) => process.stderr.write(`${text}\n`);
let isEnding = false;
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => (isEnding = true));

interface Row {
  readonly target: Target;
  readonly points: number;
  readonly misses: readonly string[];
  readonly ms: number;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options: { json: { type: "boolean" } }, allowPositionals: true });
  const wanted = positionals.length > 0 ? positionals.map(Number) : Array.from({ length: DIGITS }, (_, n) => n);
  if (wanted.some((each) => !Number.isInteger(each) || each < 0 || each >= DIGITS)) {
    throw new Error("give numbers from 0 to 99, or none for all of them");
  }
  const rows: Row[] = [];
  {
    await using box = await startMatrixBed();
    for (const digits of wanted) {
      if (isEnding) break;
      rows.push(await rowOf(digits, () => runTarget(box, digits)));
    }
  }
  const failed = rows.filter(({ misses }) => misses.length > 0);
  if (values.json) process.stdout.write(`${JSON.stringify({ rows }, null, 2)}\n`);
  else for (const row of failed) process.stdout.write(`${words(row)}\n  ${row.misses.join("\n  ")}\n`);
  process.stdout.write(`${rows.length - failed.length} of ${wanted.length} numbers, each by syscall and int 0x80\n`);
  return failed.length === 0 && rows.length === wanted.length ? 0 : 1;
}

async function rowOf(digits: number, run: () => Promise<MatrixRun>): Promise<Row> {
  const startedAt = performance.now();
  const outcome = await run().catch((error: unknown) => error);
  const ms = Math.round(performance.now() - startedAt);
  const isDone = typeof outcome === "object" && outcome !== null && "misses" in outcome;
  const row: Row = isDone
    ? { target: (outcome as MatrixRun).target, ...resultOf(outcome as MatrixRun), ms }
    : { target: await targetOf(digits), points: 0, misses: [String(outcome)], ms };
  say(`${words(row)}${row.misses.length > 0 ? ` MISSED ${row.misses.join("; ")}` : ""}`);
  return row;
}

const resultOf = ({ run, misses }: MatrixRun) => ({ points: run.grade.points, misses });

function words({ target, points, ms }: Row): string {
  const { digits, number, call, number32, call32 } = target;
  return `${String(digits).padStart(2, "0")}: ${number} ${call}, ${number32} ${call32}: ${points} points, ${ms} ms`;
}

try {
  process.exitCode = await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
