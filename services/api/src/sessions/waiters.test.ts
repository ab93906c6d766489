import { describe, expect, it } from "vitest";
import { WAITERS_MAX } from "../limits.ts";
import { Waiters } from "./waiters.ts";

const forever = new AbortController().signal;

describe("waiters", () => {
  it("answer at once what is there already", async () => {
    using waiters = new Waiters();
    expect(await waiters.wait({ id: "a", ms: 60_000, signal: forever, load: async () => 7, done: () => true })).toBe(7);
    expect(waiters.count).toBe(0);
  });

  it("find a change that nobody told them of", async () => {
    using waiters = new Waiters();
    let looks = 0;
    const load = async () => ++looks;
    expect(await waiters.wait({ id: "a", ms: 60_000, signal: forever, load, done: (n) => n >= 3 })).toBe(3);
  });

  it("do not sleep through a change that comes while they look", async () => {
    using waiters = new Waiters();
    let value = "old";
    let looks = 0;
    const load = async () => {
      looks += 1;
      const seen = value;
      value = "new";
      waiters.notify("a");
      return seen;
    };
    expect(await waiters.wait({ id: "a", ms: 60_000, signal: forever, load, done: (v) => v === "new" })).toBe("new");
    expect(looks).toBe(2);
  });

  it("answer with the present value when the time is over, the client gone or the server closing", async () => {
    const never = { id: "a", load: async () => "same", done: () => false };
    using waiters = new Waiters();
    expect(await waiters.wait({ ...never, ms: 30, signal: forever })).toBe("same");
    expect(await waiters.wait({ ...never, ms: 60_000, signal: AbortSignal.timeout(30) })).toBe("same");
    const waiting = waiters.wait({ ...never, ms: 60_000, signal: forever });
    waiters[Symbol.dispose]();
    expect(await waiting).toBe("same");
  });

  it("are not more than WAITERS_MAX: further ones are answered at once", async () => {
    const waiters = new Waiters();
    const never = { id: "a", ms: 60_000, signal: forever, load: async () => "same", done: () => false };
    const waiting = Array.from({ length: WAITERS_MAX }, () => waiters.wait(never));
    expect(waiters.count).toBe(WAITERS_MAX);
    expect(await waiters.wait(never)).toBe("same");
    waiters[Symbol.dispose]();
    await Promise.all(waiting);
    expect(waiters.count).toBe(0);
  });
});
