import { cellIdSchema, REDIS_PREFIX_DEFAULT } from "@ringside/shared";
import { z } from "zod";
import { networksOf } from "./gateway/tcp-entries.ts";

const folderSchema = z.string().min(1).max(4_096);
const portSchema = z.coerce.number().int().min(0).max(65_535);

/** `0`, `20000` or `20000-20099`. */
const portsSchema = z
  .string()
  .regex(/^\d{1,5}(?:-\d{1,5})?$/, "must be a port or a range such as 20000-20099")
  .transform((text) => {
    const [first = 0, last = first] = text.split("-").map(Number);
    return { first, last };
  })
  .refine(({ first, last }) => first <= last && last <= 65_535 && (first > 0 || last === 0), "is no range of ports");

const networksSchema = z.string().transform((text, context) => {
  try {
    return networksOf(text);
  } catch (error) {
    context.addIssue({ code: "custom", message: (error as Error).message });
    return z.NEVER;
  }
});

/** This service's settings, as environment variables. */
export const configSchema = z.object({
  RINGSIDE_CELL: cellIdSchema,
  REDIS_URL: z.string().regex(/^(?:rediss?:\/\/|unix:\/)/, "must be redis://… or unix:///path"),
  RINGSIDE_PREFIX: z.string().min(1).max(100).default(REDIS_PREFIX_DEFAULT),
  RINGSIDE_RUN_DIR: folderSchema,
  RINGSIDE_DATA_DIR: folderSchema,
  RINGSIDE_PROXY_HOST: z.string().min(1).max(255).default("127.0.0.1"),
  RINGSIDE_PROXY_PORT: portSchema.default(0),
  RINGSIDE_PROXY_PUBLIC_URL: z.url({ protocol: /^wss?$/ }).optional(),
  RINGSIDE_PROXY_INTERNAL_URL: z.url({ protocol: /^https?$/ }).optional(),
  RINGSIDE_TICKET_PUBLIC_KEY_FILE: folderSchema,
  RINGSIDE_TCP_BIND: z.union([z.ipv4(), z.ipv6()]).default("127.0.0.1"),
  RINGSIDE_TCP_PORTS: portsSchema.default({ first: 0, last: 0 }),
  RINGSIDE_TCP_ALLOW: networksSchema.prefault("127.0.0.0/8,::1/128"),
  /** Origins of web pages that may connect, comma-separated. */
  RINGSIDE_ORIGINS: z
    .string()
    .default("")
    .transform((text) => text.split(",").filter((origin) => origin !== "")),
  LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]).default("info"),
});
export type Config = z.infer<typeof configSchema>;
