import { ERROR_CODES, ERRORS } from "@ringside/shared";
import { expect, test } from "vitest";
import { EXITS, exitCodesHelp, exitForCode } from "./exit-codes.ts";

test("every exit code is its own and stands in the help", () => {
  const codes = Object.values(EXITS).map((exit) => exit.code);
  expect(new Set(codes).size).toBe(codes.length);
  for (const { code, meaning } of Object.values(EXITS))
    expect(exitCodesHelp()).toMatch(new RegExp(`${code}  .*${meaning.slice(0, 10)}`));
});

test("every error of the server has an exit that fits", () => {
  const exits = Object.fromEntries(ERROR_CODES.map((code) => [code, exitForCode(code)]));
  expect(exits).toMatchObject({
    unauthenticated: "denied",
    forbidden: "denied",
    not_found: "not_found",
    no_capacity: "try_later",
    store_unavailable: "try_later",
    debugger_busy: "try_later",
    bad_request: "failed",
    internal: "failed",
  });
  for (const code of ERROR_CODES) expect(exits[code]).not.toBe(ERRORS[code].retryable ? "failed" : "try_later");
});
