import { within } from "@ringside/emulator";
import { cacheDirectory } from "@ringside/image";
import { pino } from "pino";
import { z } from "zod";
import { configSchema } from "./config.ts";
import { DRAIN_ALL_MS } from "./limits.ts";
import { startRunner } from "./runner.ts";

/** The vm-runner's process: settings from the environment, drain on SIGTERM and SIGINT. */
const EXIT_CONFIG = 78; // EX_CONFIG of sysexits.h
const EXIT_START = 1;

const parsed = configSchema.safeParse(process.env);
if (!parsed.success) {
  console.error(`vm-runner: the environment is not valid:\n${z.prettifyError(parsed.error)}`);
  process.exit(EXIT_CONFIG);
}
const config = parsed.data;
const log = pino({
  ...{ name: "vm-runner", level: config.LOG_LEVEL, base: { cell: config.RINGSIDE_CELL } },
  serializers: { error: pino.stdSerializers.err },
});

const told = new Promise<NodeJS.Signals>((resolve) => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, resolve);
});

try {
  const runner = await startRunner({
    cell: config.RINGSIDE_CELL,
    redisUrl: config.REDIS_URL,
    prefix: config.RINGSIDE_PREFIX,
    runDirectory: config.RINGSIDE_RUN_DIR,
    dataDirectory: config.RINGSIDE_DATA_DIR,
    cacheFolder: cacheDirectory(process.env),
    slots: config.RINGSIDE_SLOTS,
    pool: { min: config.RINGSIDE_POOL_MIN, max: config.RINGSIDE_POOL_MAX },
    httpPort: config.RINGSIDE_RUNNER_PORT,
    insecureNoJail: config.RINGSIDE_INSECURE_NO_JAIL === "1",
    warmImages: config.RINGSIDE_WARM_IMAGES,
    crashAt: config.NODE_ENV === "test" ? config.RINGSIDE_CRASH_AT : undefined,
    log,
  });
  log.info({ runner: runner.name, slots: config.RINGSIDE_SLOTS, httpPort: runner.httpPort }, "ready");
  const signal = await told;
  log.info({ signal }, "told to end");
  // Past this the machines go with the process: Redis may be gone for good.
  await within(Promise.resolve(runner[Symbol.asyncDispose]()), { timeoutMs: DRAIN_ALL_MS }, "the drain");
  log.info("ended");
  process.exit(0);
} catch (error) {
  log.fatal({ error }, "vm-runner failed");
  process.exit(EXIT_START);
}
