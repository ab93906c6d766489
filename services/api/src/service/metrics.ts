import type { FastifyInstance } from "fastify";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Waiters } from "../sessions/waiters.ts";

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Counts and times every answer by method, route and status; ids and people are in no label. */
export function registerMetrics(app: FastifyInstance, waiters: Waiters): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: "ringside_api_request_seconds",
    help: "Time from the request's arrival to the end of its answer",
    labelNames: ["method", "route", "status"],
    buckets: SECONDS,
    registers: [registry],
  });
  const errors = new Counter({
    name: "ringside_api_server_errors_total",
    help: "Answers of 500 and above",
    labelNames: ["route", "status"],
    registers: [registry],
  });
  new Gauge({
    name: "ringside_api_waiters",
    help: "Requests that wait for a session or a grade",
    registers: [registry],
    collect() {
      this.set(waiters.count);
    },
  });
  app.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.url ?? "unknown";
    const status = String(reply.statusCode);
    requests.observe({ method: request.method, route, status }, reply.elapsedTime / 1_000);
    if (reply.statusCode >= 500) {
      errors.inc({ route, status });
    }
  });
  return registry;
}
