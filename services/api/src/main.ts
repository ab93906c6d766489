import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import packageJson from "../package.json" with { type: "json" };
import { type Config, parseConfig } from "./config.ts";
import { withDeadline } from "./deadline.ts";
import { GradeThreads } from "./grades/grade-threads.ts";
import type { Grader } from "./grades/grader.ts";
import { CONNECTIONS_MAX, SHUTDOWN_MS_MAX } from "./limits.ts";
import { REDACTED } from "./log.ts";
import { type Api, openApi } from "./open.ts";

const repository = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

async function start(config: Config, log: pino.Logger, grader: Grader): Promise<Api> {
  const api = await openApi({
    version: packageJson.version,
    log,
    databaseUrl: config.databaseUrl,
    migrationsDir: repository("prisma/migrations"),
    redisUrl: config.redisUrl,
    prefix: config.prefix,
    dataDir: config.dataDir,
    cacheDir: config.cacheDir,
    labsDir: config.labsDir ?? repository("course/labs"),
    ticketKeyPem: await readFile(config.ticketKeyFile, "utf8"),
    bootstrapAdminToken: config.bootstrapAdminToken,
    bounds: config.bounds,
    grader,
    debuginfod: config.debuginfod,
  });
  api.app.server.maxConnections = CONNECTIONS_MAX;
  await api.app.listen({ host: config.host, port: config.port });
  const { address, port, family } = api.app.server.address() as AddressInfo;
  const host = family === "IPv6" ? `[${address}]` : address;
  log.info({ url: config.publicUrl ?? `http://${host}:${port}` }, "ready");
  return api;
}

async function main(): Promise<void> {
  const config = parseConfig(process.env);
  const log = pino({ level: config.logLevel, redact: REDACTED });
  const signalled = new Promise<NodeJS.Signals>((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
  await using threads = new GradeThreads();
  const api = await start(config, log, threads.grade);
  log.info({ signal: await signalled }, "stopping");
  await withDeadline(SHUTDOWN_MS_MAX, "some requests or jobs did not end in time", async () => {
    await api[Symbol.asyncDispose]();
  });
  log.info("stopped");
}

try {
  await main();
  process.exit(0);
} catch (error) {
  pino().fatal({ err: error }, "the api ends");
  process.exit(1);
}
