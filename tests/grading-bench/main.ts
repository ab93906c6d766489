import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startPostgres, startRedis } from "@ringside/cli";
import { cacheDirectory } from "@ringside/image";
import { GradeThreads } from "../../services/api/src/grades/grade-threads.ts";
import { LAB, makeCourse, openBed, until } from "../../services/api/src/testing/bed.ts";
import { gradeAnew } from "./grade-anew.ts";
import { handIn, realisticTables } from "./hand-in.ts";

// A lab of many submissions graded anew by a real api: README.md.
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      submissions: { type: "string", default: "500" },
      events: { type: "string", default: "2000" },
      rounds: { type: "string", default: "3" },
    },
  });
  await using stack = new AsyncDisposableStack();
  const folder = stack.adopt(await mkdtemp(join(tmpdir(), "rs-grading-")), (path) => rm(path, { recursive: true }));
  // PostgreSQL's user must reach its own folder in it.
  await chmod(folder, 0o711);
  const postgres = stack.use(await startPostgres({ folder: join(folder, "pg"), durability: "durable" }));
  const redis = stack.use(await startRedis({ folder: join(folder, "redis"), durability: "durable" }));
  const threads = stack.use(new GradeThreads());
  const bed = stack.use(
    await openBed({
      databaseUrl: postgres.url,
      redisUrl: redis.url,
      grader: threads.grade,
      tables: await realisticTables(cacheDirectory(process.env)),
    }),
  );
  const { teacher } = await makeCourse(bed, "bench", { teacher: "instructor" });
  const count = Number(values.submissions);
  say(`writing ${count} recordings …`);
  const written = await handIn(bed, { course: "bench", lab: LAB, count, events: Number(values.events) });
  say("their first grades …");
  await until(
    () => bed.api.core.database.grade.count(),
    (graded) => graded === count,
  );
  const rounds = [];
  for (let round = 1; round <= Number(values.rounds); round += 1) {
    const timed = await gradeAnew(teacher.call, `/v1/courses/bench/labs/${LAB}/regrades`, round);
    say(`round ${round}: ready after ${timed.readySeconds.toFixed(2)} s`);
    rounds.push(timed);
  }
  process.stdout.write(`${JSON.stringify({ submissions: count, ...written, threads: threads.count, rounds })}\n`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

await main();
