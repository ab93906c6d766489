import { cellListSchema, RingsideError } from "@ringside/shared";
import { isStaffAnywhere } from "../auth/access.ts";
import { principalOf } from "../auth/plugin.ts";
import type { Core } from "../core.ts";
import { answersTo } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";

export function registerCellRoutes(app: TypedApp, { cells }: Core): void {
  app.get(
    "/v1/cells",
    {
      schema: {
        summary: "The hosts of machines and their free slots (instructors)",
        tags: ["cells"],
        response: answersTo(200, cellListSchema, "forbidden"),
      },
    },
    async (request) => {
      if (!isStaffAnywhere(principalOf(request))) {
        throw new RingsideError("forbidden");
      }
      return { cells: [...(await cells.list())] };
    },
  );
}
