import { bearerTokenSchema, REDIS_PREFIX_DEFAULT } from "@ringside/shared";
import { z } from "zod";
import {
  QUEUE_LENGTH_MAX,
  SESSIONS_CONFIGURED_MAX,
  SESSIONS_HIBERNATED_MAX,
  SESSIONS_LIVE_MAX,
  SESSIONS_PER_USER_MAX,
} from "./limits.ts";
import type { SessionBounds } from "./sessions/admission.ts";

const logLevelSchema = z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]);
/** At least one: 0 would be a server that takes nobody. */
const countSchema = z.coerce.number().int().min(1).max(SESSIONS_CONFIGURED_MAX);

const environmentSchema = z.object({
  DATABASE_URL: z.string().regex(/^postgres(?:ql)?:\/\//, { error: "must begin with postgresql://" }),
  REDIS_URL: z.string().regex(/^(?:rediss?|unix):\/\//, { error: "must begin with redis://, rediss:// or unix://" }),
  RINGSIDE_PREFIX: z
    .string()
    .regex(/^[a-z0-9-]{1,40}$/)
    .default(REDIS_PREFIX_DEFAULT),
  RINGSIDE_API_HOST: z.string().min(1).default("127.0.0.1"),
  RINGSIDE_API_PORT: z.coerce.number().int().min(0).max(65_535).default(8_080),
  RINGSIDE_PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
  RINGSIDE_DATA_DIR: z.string().min(1),
  RINGSIDE_CACHE: z.string().min(1),
  RINGSIDE_LABS_DIR: z.string().min(1).optional(),
  RINGSIDE_TICKET_KEY_FILE: z.string().min(1),
  RINGSIDE_BOOTSTRAP_ADMIN_TOKEN: bearerTokenSchema.optional(),
  RINGSIDE_SESSIONS_PER_USER: countSchema.default(SESSIONS_PER_USER_MAX),
  RINGSIDE_SESSIONS_LIVE: countSchema.default(SESSIONS_LIVE_MAX),
  RINGSIDE_SESSIONS_HIBERNATED: countSchema.default(SESSIONS_HIBERNATED_MAX),
  RINGSIDE_QUEUE_LENGTH: countSchema.default(QUEUE_LENGTH_MAX),
  RINGSIDE_DEBUGINFOD: z.enum(["on", "off"]).default("on"),
  LOG_LEVEL: logLevelSchema.default("info"),
});

export interface Config {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly prefix: string;
  readonly host: string;
  readonly port: number;
  readonly publicUrl: string | undefined;
  readonly dataDir: string;
  readonly cacheDir: string;
  readonly labsDir: string | undefined;
  readonly ticketKeyFile: string;
  readonly bootstrapAdminToken: string | undefined;
  readonly bounds: SessionBounds;
  readonly debuginfod: "on" | "off";
  readonly logLevel: z.infer<typeof logLevelSchema>;
}

/**
 * Reads the configuration from environment variables.
 * @throws Error that names every variable that is missing or wrong, without repeating its value.
 */
export function parseConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const parsed = environmentSchema.safeParse(environment);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new Error(`The environment is not valid. ${lines.join("; ")}`);
  }
  const values = parsed.data;
  return {
    databaseUrl: values.DATABASE_URL,
    redisUrl: values.REDIS_URL,
    prefix: values.RINGSIDE_PREFIX,
    host: values.RINGSIDE_API_HOST,
    port: values.RINGSIDE_API_PORT,
    publicUrl: values.RINGSIDE_PUBLIC_URL,
    dataDir: values.RINGSIDE_DATA_DIR,
    cacheDir: values.RINGSIDE_CACHE,
    labsDir: values.RINGSIDE_LABS_DIR,
    ticketKeyFile: values.RINGSIDE_TICKET_KEY_FILE,
    bootstrapAdminToken: values.RINGSIDE_BOOTSTRAP_ADMIN_TOKEN,
    bounds: {
      perUser: values.RINGSIDE_SESSIONS_PER_USER,
      live: values.RINGSIDE_SESSIONS_LIVE,
      hibernated: values.RINGSIDE_SESSIONS_HIBERNATED,
      queued: values.RINGSIDE_QUEUE_LENGTH,
    },
    debuginfod: values.RINGSIDE_DEBUGINFOD,
    logLevel: values.LOG_LEVEL,
  };
}
