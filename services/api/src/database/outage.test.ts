import { describe, expect, it } from "vitest";
import { isStoreOutage, isUniqueViolation } from "./outage.ts";

describe("store errors", () => {
  it.each([
    ["a refused socket", Object.assign(new Error("x"), { code: "ECONNREFUSED" })],
    ["a missing socket file", new Error("x", { cause: Object.assign(new Error("y"), { code: "ENOENT" }) })],
    ["a server that shuts down", Object.assign(new Error("x"), { code: "57P01" })],
    ["a statement that took too long", Object.assign(new Error("x"), { code: "57014" })],
    ["a race that another transaction won", Object.assign(new Error("x"), { code: "40P01" })],
    ["Prisma's own word for it", Object.assign(new Error("x"), { code: "P1001" })],
    [
      "a driver error inside Prisma's",
      { code: "P2010", meta: { driverAdapterError: { cause: { originalCode: "57P03" } } } },
    ],
    ["pg's words", new Error("Connection terminated unexpectedly")],
  ])("%s is an outage", (_what, error) => {
    expect(isStoreOutage(error)).toBe(true);
  });

  it.each([
    ["a unique violation", Object.assign(new Error("x"), { code: "P2002" })],
    ["a mistake of ours", new TypeError("x is not a function")],
    ["nothing", undefined],
    ["a word", "ECONNREFUSED"],
  ])("%s is none", (_what, error) => {
    expect(isStoreOutage(error)).toBe(false);
  });

  it("knows a unique violation by Prisma's and by PostgreSQL's code", () => {
    expect(isUniqueViolation({ code: "P2002" })).toBe(true);
    expect(isUniqueViolation({ cause: { code: "23505" } })).toBe(true);
    expect(isUniqueViolation({ code: "P2025" })).toBe(false);
  });

  it("ends on a chain of causes that is a ring", () => {
    const ring: { cause?: unknown } = {};
    ring.cause = ring;
    expect(isStoreOutage(ring)).toBe(false);
  });
});
