import { expect, test } from "vitest";
import { dataFolderAt } from "./data-folder.ts";
import { type BoxOptions, serviceEnvironment } from "./parts.ts";

const options: BoxOptions = {
  ...{ repoRoot: "/repo", folder: dataFolderAt("/data"), cacheDir: "/cache", cell: "local", adminToken: "rs_x" },
  ...{ host: "127.0.0.1", port: 1, proxyPort: 2, runnerPort: 3, publicHost: undefined },
  ...{ tcpBind: "127.0.0.1", tcpPorts: "1-2", tcpAllow: undefined, slots: undefined, warmImages: [] },
  ...{ databaseUrl: undefined, redisUrl: undefined, baseEnv: {} },
};

test("a cell's two halves share run, data and cache folders", () => {
  const shared = ["RINGSIDE_CELL", "RINGSIDE_RUN_DIR", "RINGSIDE_DATA_DIR", "RINGSIDE_CACHE", "REDIS_URL"];
  const [runner, proxy] = [serviceEnvironment("vm-runner", options), serviceEnvironment("gdb-proxy", options)];
  for (const name of shared) {
    expect(runner[name], name).toBeDefined();
    expect(proxy[name], name).toBe(runner[name]);
  }
});

test("the runner is told of the pool only what was asked for", () => {
  expect(serviceEnvironment("vm-runner", options)).not.toHaveProperty("RINGSIDE_POOL_MAX");
  const { RINGSIDE_POOL_MIN, RINGSIDE_POOL_MAX } = serviceEnvironment("vm-runner", {
    ...options,
    pool: { min: 0, max: 5 },
  });
  expect([RINGSIDE_POOL_MIN, RINGSIDE_POOL_MAX]).toEqual(["0", "5"]);
});

test("machines have their jail unless somebody said otherwise", () => {
  expect(serviceEnvironment("vm-runner", options)).not.toHaveProperty("RINGSIDE_INSECURE_NO_JAIL");
  expect(serviceEnvironment("vm-runner", { ...options, insecureNoJail: true }).RINGSIDE_INSECURE_NO_JAIL).toBe("1");
});
