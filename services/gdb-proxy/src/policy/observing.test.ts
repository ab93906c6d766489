import { describe, expect, it } from "vitest";
import { BreakpointLedger } from "../hub/ledger.ts";
import { memory, OBSERVER, outcome } from "../testing/policy-view.ts";
import { OBSERVES, RUNS } from "./decision.ts";

describe("a range", () => {
  it("is stepped through beside the stub", () => {
    expect(outcome("vCont;r1000,10ff:1;c")).toEqual({
      kind: "resume",
      action: "range",
      payload: "vCont;s:1;c",
      start: 0x1000n,
      end: 0x10ffn,
    });
  });
});

describe("who does not drive", () => {
  it.each([
    "G00",
    "P10=00",
    "M0,1:00",
    "X0,1:a",
    "Z0,10,1",
    "Z2,10,8",
    "vCont;s:1;c",
    "vCont;r1,2:1",
    "s",
    "c1000",
    "vKill;1",
  ])("is refused %s with words", (payload) => {
    expect(outcome(payload, { asker: OBSERVER })).toMatchObject({ kind: "refuse", reply: OBSERVES });
  });

  it.each(["c", "vCont;c", "vCont;c:1", "C05"])("waits for the next stop with %s", (payload) => {
    expect(outcome(payload, { asker: OBSERVER })).toEqual({ kind: "wait" });
  });

  it("reads, and removes what it had inserted", () => {
    const ledger = new BreakpointLedger().own(1);
    outcome("Z0,10,1", { ledger });
    expect(outcome("z0,10,1", { ledger, asker: OBSERVER })).toEqual({ kind: "answer", reply: "OK" });
    expect(outcome("m0,1", { asker: OBSERVER }, memory)).toMatchObject({ kind: "ask", reply: "ab" });
    expect(outcome("k", { asker: OBSERVER })).toEqual({ kind: "leave", reply: null, kills: false });
  });

  it.each(["g", "p10", "m0,1", "qC", "Hg1", "T1", "qfThreadInfo"])("is told while the machine runs: %s", (payload) => {
    expect(outcome(payload, { asker: OBSERVER, runs: true })).toMatchObject({ kind: "refuse", reply: RUNS });
  });

  it.each([
    ["qfThreadInfo", { threads: { list: "m01", document: null } }, "m01"],
    ["?", {}, "T05thread:01;"],
    ["qAttached", {}, "1"],
  ])("is answered %s also while it runs", (payload, changes, reply) => {
    expect(outcome(payload, { asker: OBSERVER, runs: true, ...changes })).toEqual({ kind: "answer", reply });
  });
});

describe("a thread", () => {
  it("is chosen once the stub has taken it", () => {
    const chosen: (string | null)[] = [];
    const choseThread = (thread: string | null) => {
      chosen.push(thread);
    };
    outcome("Hg2", { choseThread });
    outcome("Hg9", { choseThread }, () => "E22");
    outcome("Hc1", { choseThread });
    expect(chosen).toEqual(["2"]);
  });

  it("that is any is the stop's, and the stub is not asked", () => {
    const chosen: (string | null)[] = [];
    const decision = outcome("Hg0", { choseThread: (thread) => chosen.push(thread) });
    expect([decision, chosen]).toEqual([{ kind: "answer", reply: "OK" }, [null]]);
  });
});
