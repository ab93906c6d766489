import { describe, expect, it } from "vitest";
import { type Exchange, Exchanges } from "./exchanges.ts";

/** Plays packets (`>…`), answers (`<…`), refusals (`!`) and stops (`.`); gives what each exchange came to. */
function play(...steps: readonly string[]) {
  const exchanges = new Exchanges();
  const ended: Exchange[] = [];
  for (const [event, step] of steps.entries()) {
    if (step === "!") exchanges.refuse();
    else if (step === ".") ended.push(...exchanges.stopped());
    else if (step.startsWith(">")) ended.push(...exchanges.packet(event, event, step.slice(1)));
    else ended.push(...exchanges.reply(step.slice(1)));
  }
  return [...ended, ...exchanges.end()].map(({ event, answer, alone }) => [event, answer, alone]);
}

describe("packets and their answers", () => {
  it("are paired one by one", () => {
    expect(play(">g", "<00", ">Z0,10,1", "<OK", ">m0,1", "<E14", ">x0,1", "<")).toEqual([
      [0, "data", true],
      [2, "ok", true],
      [4, "error", true],
      [6, "empty", true],
    ]);
  });

  it("are paired in order where several were under way, and marked so", () => {
    expect(play(">P10=00", ">m0,1", "<OK", "<00")).toEqual([
      [0, "ok", false],
      [1, "data", false],
    ]);
  });

  it("pass over the monitor's output and stops that nobody waits for", () => {
    expect(play(">qRcmd,00", "<O41", "<T05", "<OK", "<T02")).toEqual([[0, "ok", true]]);
  });

  it("of a refusal need no answer of their own", () => {
    expect(play(">R", "!", ">g", "<00")).toEqual([
      [0, "refused", true],
      [2, "data", true],
    ]);
    expect(play(">R", "!", "<", ">g", "<00")).toEqual([
      [0, "refused", true],
      [3, "data", true],
    ]);
    expect(play(">R", "!")).toEqual([[0, "refused", true]]);
  });

  it("of a resume end with the stop, with an error, or when something else is answered", () => {
    expect(play(">c", ".", "<T05", ">g", "<00")).toEqual([
      [0, "stop", true],
      [3, "data", true],
    ]);
    expect(play(">c", "<E01", ">g", "<00")).toEqual([
      [0, "error", true],
      [2, "data", true],
    ]);
    expect(play(">c10", ">g", "<00")).toEqual([
      [0, "none", false],
      [1, "data", false],
    ]);
  });

  it("are kept in bounded number", () => {
    const many = play(...Array.from({ length: 1_500 }, () => ">g"));
    expect(many).toHaveLength(1_500);
    expect(many.every(([, answer]) => answer === "none")).toBe(true);
  });
});
