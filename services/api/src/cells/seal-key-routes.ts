import { cellKeyListSchema, revokeKeySchema, sha256Schema } from "@ringside/shared";
import { z } from "zod";
import { requireAdmin } from "../auth/access.ts";
import { principalOf } from "../auth/plugin.ts";
import type { Core } from "../core.ts";
import { answersTo } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";

export function registerSealKeyRoutes(app: TypedApp, { sealKeys }: Core): void {
  app.get(
    "/v1/seal-keys",
    {
      schema: {
        summary: "The public keys that cells sign recordings with, for whoever checks one",
        tags: ["cells"],
        response: answersTo(200, cellKeyListSchema),
      },
    },
    async () => ({ keys: [...(await sealKeys.list())] }),
  );

  app.post(
    "/v1/seal-keys/:key/revoke",
    {
      schema: {
        summary: "From a moment on, take nothing that is signed with this key (admins)",
        tags: ["cells"],
        params: z.object({ key: sha256Schema }),
        body: revokeKeySchema,
        response: answersTo(200, cellKeyListSchema, "forbidden", "not_found"),
      },
    },
    async (request) => {
      const principal = principalOf(request);
      requireAdmin(principal);
      const { from = new Date().toISOString() } = request.body;
      const deed = { actorId: principal.user.id, requestId: request.id };
      return { keys: [...(await sealKeys.revoke(request.params.key, new Date(from), deed))] };
    },
  );
}
