export { type Config, configSchema } from "./config.ts";
export { GdbProxy } from "./proxy.ts";
