import { pino } from "pino";
import { configSchema } from "../../services/gdb-proxy/src/config.ts";
import { GdbProxy } from "../../services/gdb-proxy/src/proxy.ts";
import { heldBytes } from "../../services/gdb-proxy/src/testing/held-memory.ts";

// A proxy in a process of its own that says, whenever it is asked, what it holds. Its first message is where it is.
const config = configSchema.parse(process.env);
const proxy = await GdbProxy.start(config, pino({ level: config.LOG_LEVEL }), process.env.RINGSIDE_CACHE ?? "/nowhere");
process.on("message", async () => process.send?.({ held: await heldBytes(), rss: process.memoryUsage.rss() }));
process.on("disconnect", () => process.exit(0));
process.send?.(proxy.urls);
