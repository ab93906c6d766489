import { describe, expect, it } from "vitest";
import { BreakpointLedger } from "../hub/ledger.ts";
import { BREAKPOINTS_MAX } from "../limits.ts";
import { playTalk } from "../testing/play-talk.ts";
import { outcome } from "../testing/policy-view.ts";

describe("breakpoints", () => {
  function ledgers() {
    const ledger = new BreakpointLedger();
    const inStep = (owner = 1) => {
      const asked: string[] = [];
      playTalk(ledger.bringInStep(owner), (payload) => {
        asked.push(payload);
        return "OK";
      });
      return asked;
    };
    return { ledger, mine: { ledger: ledger.own(1) }, other: { ledger: ledger.own(2) }, inStep };
  }

  it("reach the stub as the difference that is left when the machine runs", () => {
    const { ledger, mine, inStep } = ledgers();
    outcome("Z0,1000,1", mine);
    outcome("Z1,2000,1", mine);
    outcome("z1,2000,1", mine);
    expect(inStep()).toEqual(["Z0,1000,1"]);
    expect(inStep()).toEqual([]);
    outcome("z0,1000,1", mine);
    outcome("Z0,1000,1", mine);
    expect(ledger.isInStep).toBe(true);
    outcome("z0,1000,1", mine);
    outcome("Z0,3000,1", mine);
    expect(inStep()).toEqual(["z0,1000,1", "Z0,3000,1"]);
  });

  it("of several debuggers are in the stub once, and as long as one of them wants them", () => {
    const { ledger, mine, other, inStep } = ledgers();
    outcome("Z0,1000,1", mine);
    outcome("Z0,1000,1", other);
    outcome("Z0,2000,1", other);
    expect(inStep()).toEqual(["Z0,1000,1", "Z0,2000,1"]);
    outcome("z0,1000,1", mine);
    expect(outcome("z0,2000,1", mine)).toEqual({ kind: "answer", reply: "E22" });
    expect(inStep()).toEqual([]);
    ledger.unwantAll(2);
    expect(inStep().sort()).toEqual(["z0,1000,1", "z0,2000,1"]);
  });

  it("that watch memory reach the stub at once, because it may refuse them, and stay until the machine runs", () => {
    const { ledger, mine, other, inStep } = ledgers();
    expect(outcome("Z2,1000,8", mine, () => "E22")).toEqual({ kind: "ask", asked: ["Z2,1000,8"], reply: "E22" });
    expect(mine.ledger.size).toBe(0);
    outcome("Z2,1000,8", mine);
    expect([mine.ledger.size, ledger.isInStep, ledger.stubHasSome]).toEqual([1, true, true]);
    expect(outcome("Z2,1000,8", mine)).toEqual({ kind: "answer", reply: "OK" });
    expect(outcome("Z2,1000,8", other)).toEqual({ kind: "ask", asked: ["m1000,8"], reply: "OK" });
    for (const one of [mine, other]) {
      expect(inStep()).toEqual([]);
      expect(outcome("z2,1000,8", one)).toEqual({ kind: "answer", reply: "OK" });
    }
    expect(inStep()).toEqual(["z2,1000,8"]);
  });

  it("keep the conditions that they were last inserted with", () => {
    const { ledger, mine } = ledgers();
    outcome("Z0,1000,1;X2,0102", mine);
    outcome("Z0,1000,1;X1,27X2,2201", mine);
    expect(ledger.at(0x1000n)).toMatchObject([{ conditions: [Uint8Array.of(0x27), Uint8Array.of(0x22, 1)] }]);
    expect(ledger.hasConditions).toBe(true);
    outcome("Z0,1000,1", mine);
    expect([ledger.hasConditions, mine.ledger.size]).toEqual([false, 1]);
  });

  it("that the stub refuses are told to their owner, and otherwise no longer wanted", () => {
    const { mine, other, ledger } = ledgers();
    outcome("Z0,1000,1", mine);
    outcome("Z0,2000,1", other);
    const play = (owner: number) => playTalk(ledger.bringInStep(owner), () => "E22");
    expect(play(2)).toBe("E22");
    expect([mine.ledger.size, other.ledger.size]).toEqual([0, 1]);
    expect(play(3)).toBeNull();
    expect(other.ledger.size).toBe(0);
  });

  it("are limited in number", () => {
    const { mine } = ledgers();
    for (let i = 0; i < BREAKPOINTS_MAX; i += 1) outcome(`Z0,${i.toString(16)},1`, mine);
    expect(outcome("Z0,ffff,1", mine)).toMatchObject({ kind: "refuse", reply: "E22" });
    expect(outcome("Z0,0,1;X1,27", mine)).toEqual({ kind: "answer", reply: "OK" });
  });
});
