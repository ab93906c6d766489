import type { CellLoad } from "@ringside/shared";
import { expect, test } from "vitest";
import { startHttp } from "./http-server.ts";
import { Metrics } from "./metrics.ts";

const load: CellLoad = {
  ...{ starting: 1, running: 3, ending: 0, pool: { ready: 2, target: 4 }, hibernated: { sessions: 7, bytes: 70 } },
  ...{ starts: { pool: 1, clone: 1, cold: 0 }, memory: { privateBytes: 100, sharedBytes: 10 }, cpuCores: 0.5 },
  limitedBy: "cgroup1",
};

async function served(notReady: () => string | null) {
  const metrics = new Metrics();
  metrics.observe({ load: () => load, slots: () => ({ total: 8, free: 5 }), reportsWaiting: () => 0 });
  metrics.started("clone", 0.06);
  metrics.started("pool", 0.0015);
  const server = await startHttp({ port: 0, registry: metrics.registry, notReady });
  const get = (path: string, method = "GET") => fetch(`http://127.0.0.1:${server.port}${path}`, { method });
  return { server, get };
}

test("health, readiness and figures are served, and nothing else", async () => {
  let why: string | null = "starting";
  const { server, get } = await served(() => why);
  await using _closing = server;
  expect((await get("/healthz")).status).toBe(200);
  expect([(await get("/readyz")).status, await (await get("/readyz")).json()]).toEqual([503, { status: "starting" }]);
  why = null;
  expect((await get("/readyz?x=1")).status).toBe(200);
  const figures = await (await get("/metrics")).text();
  expect(figures).toContain('ringside_machines{state="running"} 3');
  expect(figures).toContain('ringside_slots{kind="free"} 5');
  expect(figures).toContain('ringside_machine_start_seconds_count{how="clone"} 1');
  expect(figures).toContain('ringside_machine_start_seconds_bucket{le="0.002",how="pool"} 1');
  expect(figures).toContain('ringside_pool_machines{kind="ready"} 2');
  expect(figures).toContain('ringside_hibernated{kind="bytes"} 70');
  expect(figures).toContain('ringside_machine_memory_bytes{kind="private"} 100');
  expect(figures).toContain("ringside_machine_cpu_cores 0.5");
  expect(figures).toContain('ringside_limits{by="cgroup1"} 1');
  expect((await get("/etc/passwd")).status).toBe(404);
  expect((await get("/metrics", "POST")).status).toBe(405);
});
