import { expect, test } from "vitest";
import { startHttp } from "./http-server.ts";
import { Metrics } from "./metrics.ts";

async function served(notReady: () => string | null) {
  const metrics = new Metrics();
  metrics.observe({ machinesIn: () => 3, slots: () => ({ total: 8, free: 5 }), reportsWaiting: () => 0 });
  metrics.startSeconds.observe({ how: "clone" }, 0.06);
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
  expect((await get("/etc/passwd")).status).toBe(404);
  expect((await get("/metrics", "POST")).status).toBe(405);
});
