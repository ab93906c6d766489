import { Readable } from "node:stream";
import {
  epochSchema,
  type healthSchema,
  type MachineErrand,
  type MachineErrandAnswer,
  machineErrandSchema,
  PROXY_PATHS,
  RingsideError,
  type readinessSchema,
  type SealAnswer,
  sessionIdSchema,
  sha256Schema,
  type TcpEntry,
  type TicketClaims,
  type TicketKind,
  tcpEntryRequestSchema,
} from "@ringside/shared";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Registry } from "prom-client";
import type { z } from "zod";
import { checkOrigin, ticketOf } from "./credentials.ts";
import type { TicketUse } from "./tickets.ts";

type Readiness = z.infer<typeof readinessSchema>;

export interface RoutesOptions {
  readonly version: string;
  readonly origins: readonly string[];
  readonly redeem: (jwt: string | null, use: TicketUse) => Promise<TicketClaims>;
  readonly openTcpEntry: (claims: TicketClaims, source: string) => Promise<TcpEntry>;
  readonly machine: (session: string, errand: MachineErrand) => Promise<MachineErrandAnswer>;
  readonly seal: (session: string) => Promise<SealAnswer>;
  readonly readTrace: (session: string) => AsyncIterable<Uint8Array>;
  /** @throws RingsideError not_found */
  readonly readRecording: (session: string, epoch: number) => Promise<Readable>;
  /** @throws RingsideError not_found */
  readonly readTemplate: (contents: string) => Promise<Readable>;
  readonly readiness: () => Promise<Readiness["checks"]>;
  readonly metrics: Registry;
}

const ANY_SESSION = ":session";
const BYTES = "application/octet-stream";

/** The paths of this service that are no WebSockets. */
export function addRoutes(app: FastifyInstance, options: RoutesOptions): void {
  const claimsFor = async (request: FastifyRequest, kind: TicketKind): Promise<TicketClaims> => {
    checkOrigin(request.headers, options.origins);
    const { session: text } = request.params as { session: string };
    const session = sessionIdSchema.safeParse(text);
    if (!session.success) throw new RingsideError("not_found");
    return options.redeem(ticketOf(request.headers), { kind, session: session.data });
  };

  app.post(PROXY_PATHS.tcpEntry(ANY_SESSION), async (request) => {
    const body = tcpEntryRequestSchema.safeParse(request.body);
    if (!body.success) throw new RingsideError("bad_request", { details: { issues: body.error.issues } });
    return options.openTcpEntry(await claimsFor(request, "tcp-entry"), body.data.source);
  });

  app.post(PROXY_PATHS.machine(ANY_SESSION), async (request) => {
    const body = machineErrandSchema.safeParse(request.body);
    if (!body.success) throw new RingsideError("bad_request", { details: { issues: body.error.issues } });
    const { sid } = await claimsFor(request, "machine");
    return options.machine(sid, body.data);
  });

  app.post(PROXY_PATHS.seal(ANY_SESSION), async (request) => {
    const { sid } = await claimsFor(request, "seal");
    return options.seal(sid);
  });

  app.get(PROXY_PATHS.trace(ANY_SESSION), async (request, reply) => {
    const { sid } = await claimsFor(request, "trace");
    const chunks = options.readTrace(sid)[Symbol.asyncIterator]();
    // The first piece now, so that a missing trace is an error answer and not a broken body.
    const first = await chunks.next();
    const body = Readable.from(
      (async function* () {
        if (!first.done) yield first.value;
        for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
      })(),
      { objectMode: false },
    );
    return reply.type("application/x-ndjson").send(body);
  });

  app.get(`${PROXY_PATHS.recording(ANY_SESSION, 0).slice(0, -1)}:epoch`, async (request, reply) => {
    const epoch = epochSchema.safeParse(Number((request.params as { epoch: string }).epoch));
    if (!epoch.success) throw new RingsideError("not_found");
    const { sid } = await claimsFor(request, "trace");
    return reply.type(BYTES).send(await options.readRecording(sid, epoch.data));
  });

  app.get(PROXY_PATHS.template(ANY_SESSION, ":contents"), async (request, reply) => {
    const contents = sha256Schema.safeParse((request.params as { contents: string }).contents);
    if (!contents.success) throw new RingsideError("not_found");
    await claimsFor(request, "trace");
    return reply.type(BYTES).send(await options.readTemplate(contents.data));
  });

  app.get("/healthz", async () => ({ status: "ok", version: options.version }) satisfies z.infer<typeof healthSchema>);

  app.get("/readyz", async (_request, reply) => {
    const checks = await options.readiness();
    const ready = Object.values(checks).every(({ ok }) => ok);
    return reply.code(ready ? 200 : 503).send({ status: ready ? "ready" : "not_ready", checks } satisfies Readiness);
  });

  app.get("/metrics", async (_request, reply) =>
    reply.type(options.metrics.contentType).send(await options.metrics.metrics()),
  );
}
