import { join } from "node:path";
import { z } from "zod";

const folder = z.string().startsWith("/").optional().catch(undefined);

/** The environment variables that the CLI looks at. Only main.ts reads them. */
export const environmentSchema = z.object({
  HOME: z.string().min(1).default("/"),
  PATH: z.string().default("/usr/local/bin:/usr/bin:/bin"),
  TERM: z.string().default("dumb"),
  LANG: z.string().default("C.UTF-8"),
  XDG_CONFIG_HOME: folder,
  XDG_STATE_HOME: folder,
  XDG_CACHE_HOME: folder,
  RINGSIDE_DATA: folder,
  RINGSIDE_CACHE: folder,
  RINGSIDE_URL: z.url({ protocol: /^https?$/ }).optional(),
  RINGSIDE_TOKEN: z.string().min(1).optional(),
  RINGSIDE_DEBUG: z.string().optional(),
  /** As --verify-reads, for every command that carries a gdb. */
  RINGSIDE_VERIFY_READS: z.string().optional(),
  DATABASE_URL: z.string().min(1).optional(),
  REDIS_URL: z.string().min(1).optional(),
  RINGSIDE_SESSIONS_PER_USER: z.string().optional(),
  RINGSIDE_SESSIONS_LIVE: z.string().optional(),
  RINGSIDE_SESSIONS_HIBERNATED: z.string().optional(),
  RINGSIDE_QUEUE_LENGTH: z.string().optional(),
});
export type Environment = z.infer<typeof environmentSchema>;

/** Folder of the user's credentials. */
export function configFolder(environment: Environment): string {
  return join(environment.XDG_CONFIG_HOME ?? join(environment.HOME, ".config"), "ringside");
}

/**
 * Folder of everything that a box keeps. Root's home is closed to the user that PostgreSQL then runs as,
 * so root's box lives in /var/lib.
 */
export function defaultDataFolder(environment: Environment, isRoot: boolean): string {
  if (environment.RINGSIDE_DATA) return environment.RINGSIDE_DATA;
  if (environment.XDG_STATE_HOME) return join(environment.XDG_STATE_HOME, "ringside");
  return isRoot ? "/var/lib/ringside" : join(environment.HOME, ".local/state/ringside");
}

/** The bounds that an operator sets for the api, which checks them. */
export function apiBounds(environment: Environment): Record<string, string> {
  const { RINGSIDE_SESSIONS_PER_USER, RINGSIDE_SESSIONS_LIVE, RINGSIDE_SESSIONS_HIBERNATED, RINGSIDE_QUEUE_LENGTH } =
    environment;
  const bounds = {
    RINGSIDE_SESSIONS_PER_USER,
    RINGSIDE_SESSIONS_LIVE,
    RINGSIDE_SESSIONS_HIBERNATED,
    RINGSIDE_QUEUE_LENGTH,
  };
  return Object.fromEntries(
    Object.entries(bounds).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** The part of the environment that programs started by the CLI are given. */
export function childEnvironment(environment: Environment): Record<string, string> {
  const { HOME, PATH, TERM, LANG } = environment;
  return { HOME, PATH, TERM, LANG };
}
