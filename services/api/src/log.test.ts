import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { REDACTED } from "./log.ts";

describe("the log", () => {
  it("holds no secret that is logged under its name, at three depths", () => {
    const lines: string[] = [];
    const log = pino({ redact: REDACTED }, { write: (line) => lines.push(line) });
    log.info({ authorization: "canary-1", headers: { authorization: "canary-2" }, id: "kept" });
    log.info({ req: { headers: { authorization: "canary-3" } }, body: { token: "canary-4", ticket: "canary-5" } });
    expect(lines.join("")).not.toContain("canary");
    expect(lines.join("")).toContain("kept");
  });
});
