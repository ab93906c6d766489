import { cellIdSchema } from "@ringside/shared";
import { expect, test } from "vitest";
import { cellDefaults } from "./cell.ts";

test("a cell is named for its host, in characters that a cell's name may have", () => {
  expect(cellIdSchema.safeParse(cellDefaults({}).RINGSIDE_CELL).success).toBe(true);
});

test("a cell announces no address of its own unless it listens everywhere on a known port", () => {
  for (const inherited of [
    {},
    { RINGSIDE_PROXY_HOST: "127.0.0.1", RINGSIDE_PROXY_PORT: "8090" },
    { RINGSIDE_PROXY_HOST: "0.0.0.0" },
  ]) {
    expect(Object.keys(cellDefaults(inherited as Record<string, string>))).toEqual(["RINGSIDE_CELL"]);
  }
});
