import {
  type MachineErrand,
  type MachineErrandAnswer,
  pauseSchema,
  RingsideError,
  sessionIsFinal,
  sessionSchema,
} from "@ringside/shared";
import type { FastifyRequest } from "fastify";
import { type Deed, putAudit } from "../audit/audit.ts";
import { requireOwner } from "../auth/access.ts";
import { principalOf } from "../auth/plugin.ts";
import type { Core } from "../core.ts";
import { answersTo } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";
import { REPORT_WAIT_MS_MAX } from "../limits.ts";
import { bodyOf, needCell, needSession, requireSavable, sessionParams } from "./requests.ts";
import type { SessionRow } from "./view.ts";

/** What a cell may answer to an errand, beside what every route of a session may. */
export const ERRAND_CODES = [
  "forbidden",
  "not_found",
  "session_not_ready",
  "session_ended",
  "conflict",
  "state_damaged",
  "machine_gone",
  "machine_unresponsive",
  "timeout",
  "no_capacity",
  "cell_unreachable",
  "storage_full",
] as const;

/** Asks the cell of a session that the caller may see, in the caller's role, and notes the deed. */
export async function runErrand(
  { database, cellClient }: Core,
  request: FastifyRequest,
  { row, relation }: Awaited<ReturnType<typeof needSession>>,
  body: MachineErrand,
  deed: Pick<Deed, "action" | "details"> | null,
): Promise<MachineErrandAnswer> {
  const user = principalOf(request).user.id;
  const errand = { session: row.id, cell: needCell(row), user, signal: request.signal };
  const answer = await cellClient.machine(errand, relation === "owner" ? "driver" : "instructor", body);
  if (deed !== null) {
    await putAudit(database, { actorId: user, subject: row.id, requestId: request.id, ...deed });
  }
  return answer;
}

export function registerMachineRoutes(app: TypedApp, core: Core): void {
  registerSleep(app, core);
  registerPause(app, core);
}

function registerSleep(app: TypedApp, core: Core): void {
  const { database } = core;
  app.post(
    "/v1/sessions/:id/hibernate",
    {
      schema: {
        summary: "Save the machine and free its place; connecting to it wakes it",
        tags: ["sessions"],
        params: sessionParams,
        response: answersTo(200, sessionSchema, ...ERRAND_CODES),
      },
    },
    async (request) => {
      const principal = principalOf(request);
      const found = await needSession(database, principal, request.params.id);
      requireOwner(principal, found.row);
      requireSavable(found.row);
      const deed = { action: "session.hibernate", details: { epoch: found.row.epoch } } as const;
      if (found.row.state !== "hibernated") {
        await runErrand(core, request, found, { do: "hibernate" }, deed);
      }
      return bodyOf(database, await afterReport(core, request, found.row, (state) => state === "hibernated"));
    },
  );

  app.post(
    "/v1/sessions/:id/wake",
    {
      schema: {
        summary: "Give a hibernated session its machine again",
        tags: ["sessions"],
        params: sessionParams,
        response: answersTo(200, sessionSchema, ...ERRAND_CODES),
      },
    },
    async (request) => {
      const found = await needSession(database, principalOf(request), request.params.id);
      const deed = { action: "session.wake", details: { epoch: found.row.epoch } } as const;
      await runErrand(core, request, found, { do: "wake" }, deed);
      return bodyOf(database, await afterReport(core, request, found.row, (state) => state !== "hibernated"));
    },
  );
}

/** The cell has done it and reports it by the queue; the answer shows it, unless the report is late. */
async function afterReport(
  { database, waiters }: Core,
  request: FastifyRequest,
  { id }: SessionRow,
  done: (state: SessionRow["state"]) => boolean,
): Promise<SessionRow> {
  return waiters.wait({
    id,
    ms: REPORT_WAIT_MS_MAX,
    signal: request.signal,
    load: async () => (await needSession(database, principalOf(request), id)).row,
    done: ({ state }) => done(state) || sessionIsFinal(state),
  });
}

const PAUSES = [
  ["pause", "Hold the guest still for everybody, as if a debugger had stopped it"],
  ["resume", "End a pause; what a debugger has stopped stays stopped"],
] as const;

function registerPause(app: TypedApp, core: Core): void {
  for (const [verb, summary] of PAUSES) {
    app.post(
      `/v1/sessions/:id/${verb}`,
      {
        schema: {
          summary,
          tags: ["sessions"],
          params: sessionParams,
          response: answersTo(200, pauseSchema, ...ERRAND_CODES),
        },
      },
      async (request) => {
        const found = await needSession(core.database, principalOf(request), request.params.id);
        const { paused } = await runErrand(
          core,
          request,
          found,
          { do: verb },
          { action: `session.${verb}`, details: {} },
        );
        if (paused === undefined) {
          throw new RingsideError("cell_unreachable");
        }
        return { paused };
      },
    );
  }
}
