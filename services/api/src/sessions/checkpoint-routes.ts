import {
  checkpointListSchema,
  checkpointNameSchema,
  createCheckpointSchema,
  RingsideError,
  savedStateSchema,
  sessionIdSchema,
  sessionSchema,
} from "@ringside/shared";
import { z } from "zod";
import { requireOwner } from "../auth/access.ts";
import { principalOf } from "../auth/plugin.ts";
import type { Core } from "../core.ts";
import { answersTo, nothingSchema } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";
import { restartSession } from "./changes.ts";
import { ERRAND_CODES, runErrand } from "./machine-routes.ts";
import { bodyOf, needCell, needSession, requireSavable, sessionParams } from "./requests.ts";

/** Named states of a session's machine. They stand at its cell, which counts them, and go with the session. */
const checkpointParams = z.object({ id: sessionIdSchema, name: checkpointNameSchema });

export function registerCheckpointRoutes(app: TypedApp, core: Core): void {
  registerList(app, core);
  registerSave(app, core);
  registerDelete(app, core);
  registerRestore(app, core);
}

function registerList(app: TypedApp, core: Core): void {
  app.get(
    "/v1/sessions/:id/checkpoints",
    {
      schema: {
        summary: "The session's checkpoints",
        tags: ["sessions"],
        params: sessionParams,
        response: answersTo(200, checkpointListSchema, ...ERRAND_CODES),
      },
    },
    async (request) => {
      const found = await needSession(core.database, principalOf(request), request.params.id);
      const { states } = await runErrand(core, request, found, { do: "list" }, null);
      return { checkpoints: states ?? [] };
    },
  );
}

function registerSave(app: TypedApp, core: Core): void {
  app.post(
    "/v1/sessions/:id/checkpoints",
    {
      schema: {
        summary: "Save the machine as it is under a name, in place of an older checkpoint of that name",
        tags: ["sessions"],
        params: sessionParams,
        body: createCheckpointSchema,
        response: answersTo(201, savedStateSchema, "quota_exceeded", ...ERRAND_CODES),
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const { name } = request.body;
      const found = await needSession(core.database, principal, request.params.id);
      requireOwner(principal, found.row);
      requireSavable(found.row);
      const details = { name, epoch: found.row.epoch };
      const errand = { do: "save", name } as const;
      const { states } = await runErrand(core, request, found, errand, { action: "session.checkpoint", details });
      const [saved] = states ?? [];
      if (saved === undefined) {
        throw new RingsideError("cell_unreachable");
      }
      return reply.code(201).send(saved);
    },
  );
}

function registerDelete(app: TypedApp, core: Core): void {
  app.delete(
    "/v1/sessions/:id/checkpoints/:name",
    {
      schema: {
        summary: "Delete a checkpoint",
        tags: ["sessions"],
        params: checkpointParams,
        response: answersTo(204, nothingSchema, ...ERRAND_CODES),
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const { id, name } = request.params;
      const found = await needSession(core.database, principal, id);
      requireOwner(principal, found.row);
      await runErrand(core, request, found, { do: "forget", name }, { action: "session.forget", details: { name } });
      return reply.code(204).send(null);
    },
  );
}

function registerRestore(app: TypedApp, core: Core): void {
  const { database, cells, outbox, waiters } = core;
  app.post(
    "/v1/sessions/:id/checkpoints/:name/restore",
    {
      schema: {
        summary: "Go back to a checkpoint: the session's next machine starts from it",
        tags: ["sessions"],
        params: checkpointParams,
        response: answersTo(202, sessionSchema, ...ERRAND_CODES),
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const { id, name } = request.params;
      const found = await needSession(database, principal, id);
      requireOwner(principal, found.row);
      requireSavable(found.row);
      const cell = needCell(found.row);
      const { states } = await runErrand(core, request, found, { do: "list" }, null);
      if (!states?.some((state) => state.name === name)) {
        throw new RingsideError("not_found", { message: `This session has no checkpoint ${name}` });
      }
      const asked = { id, user: principal.user.id, requestId: request.id };
      const cellIsThere = await cells.hasRunner(cell);
      const row = await restartSession(database, asked, { cellIsThere, checkpoint: name });
      outbox.kick();
      waiters.notify(id);
      return reply.code(202).send(await bodyOf(database, row));
    },
  );
}
