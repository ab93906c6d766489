import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { Nudges } from "./nudges.ts";

const log = pino({ level: "silent" });

/** A link whose answers the test gives. */
function heldLink() {
  const asked: PromiseWithResolvers<{ nudged: boolean }>[] = [];
  const link = {
    ask: vi.fn(() => {
      const answer = Promise.withResolvers<{ nudged: boolean }>();
      asked.push(answer);
      return answer.promise as never;
    }),
  };
  return { link, asked };
}

test("however much is typed, one question is under way and at most one follows it", async () => {
  const { link, asked } = heldLink();
  const nudges = new Nudges(link, log);
  for (let i = 0; i < 100; i += 1) nudges.nudge("ses_a", 1);
  expect(link.ask).toHaveBeenCalledTimes(1);
  asked[0]?.resolve({ nudged: true });
  await vi.waitFor(() => expect(link.ask).toHaveBeenCalledTimes(2));
  asked[1]?.resolve({ nudged: true });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(link.ask).toHaveBeenCalledTimes(2);
});

test("machines do not wait for each other, and a question that fails is forgotten", async () => {
  const { link, asked } = heldLink();
  const nudges = new Nudges(link, log);
  nudges.nudge("ses_a", 1);
  nudges.nudge("ses_b", 1);
  expect(link.ask).toHaveBeenCalledTimes(2);
  asked[0]?.reject(new Error("no answer"));
  await vi.waitFor(() => {
    nudges.nudge("ses_a", 1);
    expect(link.ask).toHaveBeenCalledTimes(3);
  });
});
