import process from "node:process";
import { cacheDirectory } from "@ringside/image";
import { pino } from "pino";
import { z } from "zod";
import { configSchema } from "./config.ts";
import { GdbProxy } from "./proxy.ts";

const parsed = configSchema.safeParse(process.env);
if (!parsed.success) {
  process.stderr.write(`gdb-proxy: the settings are not valid\n${z.prettifyError(parsed.error)}\n`);
  process.exit(1);
}
const log = pino({ name: "gdb-proxy", level: parsed.data.LOG_LEVEL });

process.on("unhandledRejection", (error) => {
  log.fatal({ err: error }, "a promise was left alone");
  process.exit(1);
});

try {
  const proxy = await GdbProxy.start(parsed.data, log, cacheDirectory(process.env));
  let stopping = false;
  const stop = (signal: string) => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, "draining");
    proxy[Symbol.asyncDispose]().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, "draining failed");
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  log.info({ url: proxy.urls.internalUrl, publicUrl: proxy.urls.publicUrl }, "ready");
} catch (error) {
  log.fatal({ err: error }, "gdb-proxy could not start");
  process.exit(1);
}
