import type { Report } from "@ringside/shared";
import { newId } from "@ringside/shared";
import { pino } from "pino";
import { describe, expect, it, vi } from "vitest";
import { ResetReports } from "./reset-reports.ts";

const wanted = (epoch: number) =>
  ({ kind: "reset_wanted", session: newId("ses"), epoch, cell: "cell-1", atMs: 1, user: newId("usr") }) as const;

describe("the wish for a fresh machine", () => {
  it("is reported once for each machine, and again where the queue was away", async () => {
    const added: Report[] = [];
    const add = vi.fn(async (_name: string, report: Report) => {
      if (add.mock.calls.length === 1) throw new Error("away");
      added.push(report);
    });
    await using reports = new ResetReports({ add }, pino({ level: "silent" }), 1);
    const first = wanted(1);
    reports.report(first);
    reports.report(first);
    await vi.waitFor(() => expect(added).toEqual([first]));
    reports.report({ ...first, epoch: 2 });
    await vi.waitFor(() => expect(added).toHaveLength(2));
  });

  it("is given up when this process ends", async () => {
    const add = vi.fn(async () => {
      throw new Error("away");
    });
    const reports = new ResetReports({ add }, pino({ level: "silent" }), 1);
    reports.report(wanted(1));
    await vi.waitFor(() => expect(add).toHaveBeenCalled());
    await reports[Symbol.asyncDispose]();
    const calls = add.mock.calls.length;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(add.mock.calls.length).toBeLessThanOrEqual(calls + 1);
  });
});
