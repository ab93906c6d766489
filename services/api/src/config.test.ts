import { describe, expect, it } from "vitest";
import { parseConfig } from "./config.ts";

const NEEDED = {
  DATABASE_URL: "postgresql://ringside@localhost/ringside?host=/run/pg",
  REDIS_URL: "unix:///run/redis.sock",
  RINGSIDE_DATA_DIR: "/var/lib/ringside",
  RINGSIDE_CACHE: "/var/cache/ringside",
  RINGSIDE_TICKET_KEY_FILE: "/etc/ringside/ticket.pem",
};

describe("the api's environment", () => {
  it("needs five variables and has defaults for the others", () => {
    expect(parseConfig(NEEDED)).toEqual({
      databaseUrl: NEEDED.DATABASE_URL,
      redisUrl: NEEDED.REDIS_URL,
      prefix: "ringside",
      host: "127.0.0.1",
      port: 8_080,
      publicUrl: undefined,
      dataDir: NEEDED.RINGSIDE_DATA_DIR,
      cacheDir: NEEDED.RINGSIDE_CACHE,
      labsDir: undefined,
      ticketKeyFile: NEEDED.RINGSIDE_TICKET_KEY_FILE,
      bootstrapAdminToken: undefined,
      bounds: { perUser: 3, live: 500, hibernated: 2_000, queued: 300 },
      debuginfod: "on",
      logLevel: "info",
    });
  });

  it("takes port 0, which lets the system choose", () => {
    expect(parseConfig({ ...NEEDED, RINGSIDE_API_PORT: "0" }).port).toBe(0);
  });

  it.each([
    ["DATABASE_URL", "mysql://localhost"],
    ["REDIS_URL", "/run/redis.sock"],
    ["RINGSIDE_PREFIX", "Not A Prefix"],
    ["RINGSIDE_API_PORT", "70000"],
    ["RINGSIDE_PUBLIC_URL", "ftp://example"],
    ["RINGSIDE_BOOTSTRAP_ADMIN_TOKEN", "hunter2"],
    ["RINGSIDE_SESSIONS_PER_USER", "0"],
    ["RINGSIDE_QUEUE_LENGTH", "-7"],
    ["LOG_LEVEL", "loud"],
  ])("names %s when it is wrong, and does not repeat its value", (name, value) => {
    const parse = () => parseConfig({ ...NEEDED, [name]: value });
    expect(parse).toThrow(name);
    expect(parse).not.toThrow(value);
  });

  it("names every variable that is missing", () => {
    for (const name of Object.keys(NEEDED)) {
      expect(() => parseConfig({})).toThrow(name);
    }
  });
});
