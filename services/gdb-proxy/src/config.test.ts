import { describe, expect, it } from "vitest";
import { configSchema } from "./config.ts";

const needed = {
  RINGSIDE_CELL: "cell-1",
  REDIS_URL: "unix:///tmp/redis.sock",
  RINGSIDE_RUN_DIR: "/run/ringside",
  RINGSIDE_DATA_DIR: "/var/lib/ringside",
  RINGSIDE_TICKET_PUBLIC_KEY_FILE: "/etc/ringside/ticket.pem",
};

describe("the settings", () => {
  it("have defaults that let in nobody from elsewhere", () => {
    const config = configSchema.parse(needed);
    expect(config.RINGSIDE_PROXY_HOST).toBe("127.0.0.1");
    expect(config.RINGSIDE_TCP_BIND).toBe("127.0.0.1");
    expect(config.RINGSIDE_TCP_PORTS).toEqual({ first: 0, last: 0 });
    expect(config.RINGSIDE_TCP_ALLOW.check("127.0.0.1")).toBe(true);
    expect(config.RINGSIDE_TCP_ALLOW.check("10.0.0.1")).toBe(false);
    expect(config.RINGSIDE_ORIGINS).toEqual([]);
  });

  it("take ranges, networks and origins", () => {
    const config = configSchema.parse({
      ...needed,
      RINGSIDE_TCP_PORTS: "20000-20099",
      RINGSIDE_TCP_ALLOW: "10.0.0.0/8,fd00::/8",
      RINGSIDE_ORIGINS: "https://a.example,https://b.example",
    });
    expect(config.RINGSIDE_TCP_PORTS).toEqual({ first: 20_000, last: 20_099 });
    expect(config.RINGSIDE_TCP_ALLOW.check("10.1.2.3")).toBe(true);
    expect(config.RINGSIDE_TCP_ALLOW.check("fd00::1", "ipv6")).toBe(true);
    expect(config.RINGSIDE_ORIGINS).toHaveLength(2);
  });

  it.each([
    ["RINGSIDE_TCP_PORTS", "20099-20000"],
    ["RINGSIDE_TCP_PORTS", "0-5"],
    ["RINGSIDE_TCP_PORTS", "70000"],
    ["RINGSIDE_TCP_ALLOW", "everywhere"],
    ["RINGSIDE_TCP_ALLOW", "10.0.0.0/64"],
    ["REDIS_URL", "http://redis"],
    ["RINGSIDE_CELL", "../x"],
    ["RINGSIDE_PROXY_PUBLIC_URL", "https://x"],
  ])("refuse %s=%s", (name, value) => {
    expect(configSchema.safeParse({ ...needed, [name]: value }).success).toBe(false);
  });
});
