import { cellIdSchema, imageNameSchema, REDIS_PREFIX_DEFAULT } from "@ringside/shared";
import { z } from "zod";
import { CRASH_POINTS } from "./crash-points.ts";
import { POOL_MAX_DEFAULT, POOL_MAX_MAX, POOL_MIN_DEFAULT, SLOTS_MAX } from "./limits.ts";

const portSchema = z.coerce.number().int().min(0).max(65_535);
const poolSchema = z.coerce.number().int().min(0).max(POOL_MAX_MAX);

/** The runner's settings, from its environment. */
export const configSchema = z.object({
  /** This cell's name, unique among the cells that share a Redis. */
  RINGSIDE_CELL: cellIdSchema,
  /** `redis://…`, `rediss://…` or `unix:///path`. */
  REDIS_URL: z.string().regex(/^(rediss?:\/\/.+|unix:\/\/\/.+)$/, "must be redis://…, rediss://… or unix:///path"),
  RINGSIDE_PREFIX: z.string().min(1).max(64).default(REDIS_PREFIX_DEFAULT),
  /** Shared with this cell's gdb-proxy. Short, and reachable for users of their own: `/run/ringside`. */
  RINGSIDE_RUN_DIR: z.string().startsWith("/"),
  /** Shared with this cell's gdb-proxy: saved states and replay logs. */
  RINGSIDE_DATA_DIR: z.string().startsWith("/"),
  RINGSIDE_SLOTS: z.coerce.number().int().min(1).max(SLOTS_MAX).default(8),
  /** Prewarmed machines: for each template in recent use at least, and in all at most. */
  RINGSIDE_POOL_MIN: poolSchema.default(POOL_MIN_DEFAULT),
  RINGSIDE_POOL_MAX: poolSchema.default(POOL_MAX_DEFAULT),
  /** HTTP on 127.0.0.1 for health and metrics; 0 takes any free port. */
  RINGSIDE_RUNNER_PORT: portSchema.default(0),
  /** `1` starts machines without a jail: for trying things out only. */
  RINGSIDE_INSECURE_NO_JAIL: z.enum(["0", "1", ""]).default("0"),
  /** Names of images whose templates are made in the background at start, by commas. */
  RINGSIDE_WARM_IMAGES: z
    .string()
    .default("")
    .transform((names) => names.split(",").filter((name) => name !== ""))
    .pipe(z.array(imageNameSchema)),
  /** Dies at a named step; heard only where NODE_ENV is `test`. */
  RINGSIDE_CRASH_AT: z.enum(CRASH_POINTS).optional(),
  NODE_ENV: z.string().optional(),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
});
