import { expect, test } from "vitest";
import { configSchema } from "./config.ts";

const least = {
  ...{ RINGSIDE_CELL: "one", REDIS_URL: "unix:///run/redis.sock" },
  ...{ RINGSIDE_RUN_DIR: "/run/ringside", RINGSIDE_DATA_DIR: "/var/lib/ringside" },
};

test("the least that is needed gets the defaults", () => {
  expect(configSchema.parse(least)).toMatchObject({
    ...{ RINGSIDE_PREFIX: "ringside", RINGSIDE_SLOTS: 8, RINGSIDE_RUNNER_PORT: 0, RINGSIDE_INSECURE_NO_JAIL: "0" },
    ...{ RINGSIDE_POOL_MIN: 2, RINGSIDE_POOL_MAX: 16, RINGSIDE_WARM_IMAGES: [], LOG_LEVEL: "info" },
  });
});

test("warm images are names between commas", () => {
  const config = configSchema.parse({ ...least, RINGSIDE_WARM_IMAGES: "linux-x86_64,linux-i386" });
  expect(config.RINGSIDE_WARM_IMAGES).toEqual(["linux-x86_64", "linux-i386"]);
});

test.each([
  ["REDIS_URL", "postgres://x"],
  ["RINGSIDE_CELL", "Not A Slug"],
  ["RINGSIDE_RUN_DIR", "relative/path"],
  ["RINGSIDE_DATA_DIR", "data"],
  ["RINGSIDE_POOL_MIN", "-1"],
  ["RINGSIDE_POOL_MAX", "100000"],
  ["RINGSIDE_CRASH_AT", "lunch"],
  ["RINGSIDE_SLOTS", "0"],
  ["RINGSIDE_SLOTS", "many"],
  ["RINGSIDE_RUNNER_PORT", "70000"],
  ["RINGSIDE_INSECURE_NO_JAIL", "yes"],
  ["RINGSIDE_WARM_IMAGES", "../etc"],
])("%s=%s is refused", (name, value) => {
  expect(configSchema.safeParse({ ...least, [name]: value }).success).toBe(false);
});
