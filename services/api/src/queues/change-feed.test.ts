import { randomBytes } from "node:crypto";
import { connectRedis } from "@ringside/redis";
import { afterAll, describe, expect, inject, it } from "vitest";
import { until } from "../testing/bed.ts";
import { ChangeFeed } from "./change-feed.ts";

const prefix = `t${randomBytes(6).toString("hex")}`;
const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

function replica(): { readonly feed: ChangeFeed; readonly heard: Set<string> } {
  const open = (kind: "command" | "worker") =>
    stack.adopt(
      connectRedis(inject("redisUrl"), kind, () => undefined),
      (redis) => redis.disconnect(),
    );
  const heard = new Set<string>();
  const onChange = (id: string) => heard.add(id);
  const onError = () => undefined;
  return {
    heard,
    feed: new ChangeFeed({ redis: open("command"), subscriber: open("worker"), prefix, onChange, onError }),
  };
}

describe("the change feed", () => {
  it("tells every other replica, and none of its own changes back", async () => {
    const [one, two, three] = [replica(), replica(), replica()];
    // What is told before somebody listens is lost, and may be: so again and again.
    const told = async (from: ChangeFeed, id: string, to: readonly ReadonlySet<string>[]) =>
      until(
        async () => {
          from.tell(id);
          return to.every((heard) => heard.has(id));
        },
        (all) => all,
      );
    await told(one.feed, "ses_1", [two.heard, three.heard]);
    await told(two.feed, "ses_2", [one.heard, three.heard]);
    expect(one.heard).toEqual(new Set(["ses_2"]));
    expect(two.heard).toEqual(new Set(["ses_1"]));
  });
});
