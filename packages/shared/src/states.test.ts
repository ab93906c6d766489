import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  MACHINE_STATES,
  MACHINE_TRANSITIONS,
  machineMayGo,
  SESSION_STATES,
  SESSION_STATES_FINAL,
  SESSION_STATES_LIVE,
  SESSION_TRANSITIONS,
  sessionIsFinal,
  sessionMayGo,
} from "./states.ts";

describe("the session table", () => {
  it("names every state once and leads only to states that exist", () => {
    expect(Object.keys(SESSION_TRANSITIONS).toSorted()).toEqual([...SESSION_STATES].toSorted());
    for (const targets of Object.values(SESSION_TRANSITIONS)) {
      for (const target of targets) expect(SESSION_STATES).toContain(target);
    }
  });

  it("can fail from every state that is not final", () => {
    for (const state of SESSION_STATES.filter((state) => !sessionIsFinal(state))) {
      expect(sessionMayGo(state, "failed")).toBe(true);
    }
  });

  it("never leaves a final state, whatever the walk", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...SESSION_STATES), { maxLength: 40 }), (wishes) => {
        let state: (typeof SESSION_STATES)[number] = "requested";
        for (const wish of wishes) {
          const wasFinal = sessionIsFinal(state);
          if (sessionMayGo(state, wish)) {
            expect(wasFinal).toBe(false);
            state = wish;
          }
        }
      }),
    );
  });

  it("counts exactly ended and failed as final, and no live state among them", () => {
    expect(SESSION_STATES.filter(sessionIsFinal)).toEqual([...SESSION_STATES_FINAL]);
    for (const live of SESSION_STATES_LIVE) expect(sessionIsFinal(live)).toBe(false);
  });

  it("reaches every state from requested", () => {
    const seen = new Set<string>(["requested"]);
    const queue: (typeof SESSION_STATES)[number][] = ["requested"];
    for (const state of queue) {
      for (const next of SESSION_TRANSITIONS[state]) {
        if (!seen.has(next)) {
          seen.add(next);
          queue.push(next);
        }
      }
    }
    expect([...seen].toSorted()).toEqual([...SESSION_STATES].toSorted());
  });
});

describe("the machine table", () => {
  it("names every state once and leads only to states that exist", () => {
    expect(Object.keys(MACHINE_TRANSITIONS).toSorted()).toEqual([...MACHINE_STATES].toSorted());
    for (const targets of Object.values(MACHINE_TRANSITIONS)) {
      for (const target of targets) expect(MACHINE_STATES).toContain(target);
    }
  });

  it("never restores a machine that runs, nor runs one that stopped", () => {
    expect(machineMayGo("running", "restoring")).toBe(false);
    expect(machineMayGo("stopped", "running")).toBe(false);
  });
});
