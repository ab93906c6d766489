import {
  type CONNECTION_ROLES,
  type ConnectionRole,
  createTicketSchema,
  PROXY_PATHS,
  RingsideError,
  tcpEntryAnswerSchema,
  ticketAnswerSchema,
} from "@ringside/shared";
import { noteDeed } from "../audit/audit.ts";
import type { Relation } from "../auth/access.ts";
import { principalOf } from "../auth/plugin.ts";
import type { Core } from "../core.ts";
import { answersTo } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";
import { needCell, needSession, sessionParams } from "../sessions/requests.ts";

/** The first is what somebody gets who asks for no role. Nobody else drives a student's machine. */
const ROLES: Record<Relation, readonly [ConnectionRole, ...ConnectionRole[]]> = {
  owner: ["driver", "observer"],
  staff: ["instructor", "observer"],
};

function roleFor(relation: Relation, asked: (typeof CONNECTION_ROLES)[number] | undefined): ConnectionRole {
  const allowed = ROLES[relation];
  const role = asked ?? allowed[0];
  if (!allowed.includes(role)) {
    throw new RingsideError("forbidden", { message: `You may connect to this session as ${allowed.join(" or ")}` });
  }
  return role;
}

export function registerConnectRoutes(app: TypedApp, core: Core): void {
  registerTickets(app, core);
  registerTcpEntry(app, core);
}

function registerTickets(app: TypedApp, { database, tickets, cells }: Core): void {
  app.post(
    "/v1/sessions/:id/tickets",
    {
      schema: {
        summary: "A ticket that opens one gdb or console connection, and where",
        tags: ["sessions"],
        params: sessionParams,
        body: createTicketSchema,
        response: answersTo(
          201,
          ticketAnswerSchema,
          "forbidden",
          "not_found",
          "session_not_ready",
          "session_ended",
          "cell_unreachable",
        ),
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const { kind } = request.body;
      const { row, relation } = await needSession(database, principal, request.params.id);
      const role = roleFor(relation, request.body.role);
      const cell = needCell(row);
      const proxy = await cells.proxyOf(cell);
      const user = principal.user.id;
      const ticket = await tickets.sign({ user, session: row.id, cell, kind, role });
      const details = { kind, role };
      await noteDeed(database.sql, {
        actorId: user,
        action: "session.ticket",
        subject: row.id,
        requestId: request.id,
        details,
      });
      return reply.code(201).send({
        ticket: ticket.jwt,
        url: proxy.publicUrl + PROXY_PATHS[kind](row.id),
        role,
        expiresAt: ticket.expiresAt.toISOString(),
      });
    },
  );
}

function registerTcpEntry(app: TypedApp, { database, cellClient }: Core): void {
  app.post(
    "/v1/sessions/:id/tcp-entry",
    {
      schema: {
        summary: "A TCP port for one plain gdb from the caller's own address",
        tags: ["sessions"],
        params: sessionParams,
        response: answersTo(
          201,
          tcpEntryAnswerSchema,
          "forbidden",
          "source_not_allowed",
          "not_found",
          "session_not_ready",
          "debugger_busy",
          "session_ended",
          "machine_gone",
          "cell_unreachable",
          "no_capacity",
          "state_damaged",
          "machine_unresponsive",
        ),
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const { row, relation } = await needSession(database, principal, request.params.id);
      const cell = needCell(row);
      const errand = { session: row.id, cell, user: principal.user.id, signal: request.signal };
      const role = relation === "owner" ? "driver" : "instructor";
      return reply.code(201).send(await cellClient.openTcpEntry(errand, role, plainAddress(request.ip)));
    },
  );
}

/** An IPv4 caller of a dual-stack socket shows up as `::ffff:192.0.2.1`. */
function plainAddress(ip: string): string {
  return ip.replace(/^::ffff:(?=\d+\.)/i, "");
}
