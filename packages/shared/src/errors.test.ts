import { describe, expect, it } from "vitest";
import { CLOSE_CODE_OTHER, CLOSE_CODES, closeCodeFor, ERROR_CODES, ERRORS, RingsideError } from "./errors.ts";

describe("the error table", () => {
  it("gives every code an error status and a sentence that can be shown", () => {
    for (const code of ERROR_CODES) {
      expect(ERRORS[code].status).toBeGreaterThanOrEqual(400);
      expect(ERRORS[code].message).toMatch(/^[A-Z].{10,}[^.]$/);
    }
  });

  it("uses WebSocket close codes that a program may send", () => {
    for (const code of Object.values(CLOSE_CODES)) {
      expect([1009, 1012, 1013].includes(code) || (code >= 4000 && code < 5000)).toBe(true);
    }
  });

  it("closes with the general code where a row has none", () => {
    expect(closeCodeFor("internal")).toBe(CLOSE_CODE_OTHER);
    expect(closeCodeFor("debugger_busy")).toBe(4409);
  });

  it("keeps the cause and takes the table's words unless told otherwise", () => {
    const cause = new Error("below");
    const error = new RingsideError("not_found", { cause });
    expect(error.cause).toBe(cause);
    expect(error.message).toBe(ERRORS.not_found.message);
    expect(new RingsideError("not_found", { message: "No lab x" }).message).toBe("No lab x");
  });
});
