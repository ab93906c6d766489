import { cellQueue, type Report, sessionIsFinal, stopJobId } from "@ringside/shared";
import { Queue } from "bullmq";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type Bed, makeCourse, openBed, type Person, startSession, until } from "../testing/bed.ts";
import { applyReport } from "./reports.ts";

let bed: Bed;
let ann: Person;
let id: string;

beforeAll(async () => {
  bed = await openBed({ databaseUrl: inject("databaseUrl"), redisUrl: inject("redisUrl") });
  ({ ann } = await makeCourse(bed, "os-2026", { ann: "student" }));
});
afterAll(() => bed[Symbol.asyncDispose]());

beforeEach(async () => {
  for (const session of (await ann.call("GET", "/v1/sessions?state=live")).body.sessions) {
    await ann.call("DELETE", session.links.self);
  }
  ({ id } = await startSession(ann));
});

const base = (epoch = 1) => ({ session: id, epoch, cell: "cell-a" });
const starting = (epoch = 1): Report => ({ ...base(epoch), kind: "starting", atMs: 1 });
const ready = (epoch = 1): Report => ({ ...base(epoch), kind: "ready", atMs: 2, how: "clone", startMs: 41.5 });
const readyAt = (atMs: number): Report => ({ ...base(), kind: "ready", atMs, how: "pool", startMs: 3 });
const hibernated = (atMs: number, bytes = 700_000): Report => ({ ...base(), kind: "hibernated", atMs, bytes });
const presence = (debuggers: number, atMs: number, epoch = 1): Report => ({
  ...base(epoch),
  kind: "presence",
  atMs,
  debuggers,
});
const failed = (epoch = 1): Report => ({
  ...base(epoch),
  kind: "failed",
  atMs: 9,
  reason: "machine_crashed",
  detail: "qemu: boom",
});
const apply = (...reports: Report[]) =>
  reports.reduce<Promise<unknown>>(
    (before, report) => before.then(() => applyReport(bed.api.core.database, report)),
    Promise.resolve(),
  );
const read = async () => (await ann.call("GET", `/v1/sessions/${id}`)).body;

async function hasStopJob(epoch: number, because: "" | ".starting" | ".ready" | ".hibernated" = ""): Promise<boolean> {
  const queue = new Queue(cellQueue("cell-a"), { connection: bed.redis, prefix: bed.prefix });
  const jobId = stopJobId({ session: id, epoch }) + because;
  const inRedis = (await queue.getJob(jobId)) !== undefined;
  await queue.close();
  return inRedis || (await bed.api.core.database.outboxRow.findFirst({ where: { jobId } })) !== null;
}

describe("a cell's reports", () => {
  it("take a session to ready, with what the cell measured", async () => {
    await apply(starting(), ready());
    expect(await read()).toMatchObject({ state: "ready", cell: "cell-a", how: "clone", startMs: 41.5 });
  });

  it("through the queue wake whoever waits for the session", async () => {
    await bed.lease(id);
    const waiting = ann.call("GET", `/v1/sessions/${id}?wait_ms=30000`);
    await bed.report(ready());
    expect((await waiting).body.state).toBe("ready");
  });

  it("count once, however often they come", async () => {
    await apply(starting(), ready());
    const before = await read();
    await apply(ready(), starting(), ready());
    expect(await read()).toEqual(before);
  });

  it("of presence make a session attached and ready again", async () => {
    await apply(ready(), presence(1, 10));
    expect((await read()).state).toBe("attached");
    await apply(presence(0, 11));
    expect((await read()).state).toBe("ready");
  });

  it("of presence that are older than the last say nothing", async () => {
    await apply(ready(), presence(1, 20), presence(0, 19), presence(0, 20));
    expect((await read()).state).toBe("attached");
  });

  it("of presence that overtake ready are kept until then", async () => {
    await apply(presence(1, 10));
    expect((await read()).state).not.toBe("attached");
    await apply(ready());
    expect((await read()).state).toBe("attached");
  });

  it("that the machine sleeps show what it takes, and that it woke costs the student no time and gives none", async () => {
    await apply(ready());
    const before = await read();
    await apply(hibernated(20));
    expect(await read()).toMatchObject({ state: "hibernated", hibernatedBytes: 700_000, cell: "cell-a" });
    await apply(readyAt(30));
    expect(await read()).toEqual(before);
  });

  it("that it sleeps under an attached gdb make it attached again when it wakes", async () => {
    await apply(ready(), presence(1, 10), hibernated(20), presence(2, 21), readyAt(30));
    expect((await read()).state).toBe("attached");
    await apply(hibernated(40), presence(0, 41), readyAt(50));
    expect((await read()).state).toBe("ready");
  });

  it("of sleep that come before the start's own are the later word, and keep how it started", async () => {
    await apply(hibernated(20), starting(), ready());
    expect(await read()).toMatchObject({ state: "hibernated", how: "clone", startMs: 41.5 });
    expect((await read()).readyAt).not.toBeNull();
  });

  it("of sleep that overtake those of waking are the later word", async () => {
    await apply(ready(), hibernated(20), hibernated(40, 9), readyAt(30));
    expect(await read()).toMatchObject({ state: "hibernated", hibernatedBytes: 9 });
  });

  it("of waking that overtake those of sleep are the later word", async () => {
    await apply(ready(), readyAt(30), hibernated(20));
    expect(await read()).toMatchObject({ state: "ready", hibernatedBytes: null });
  });

  it("of sleep and waking in any order and number lead to the last of them", async () => {
    const reports = [starting(), ready(), hibernated(20), readyAt(30), hibernated(40), readyAt(50), hibernated(60)];
    const order = fc.shuffledSubarray([...reports, ...reports], { minLength: 14 });
    await fc.assert(
      fc.asyncProperty(order, fc.boolean(), async (all, awake) => {
        await ann.call("DELETE", `/v1/sessions/${id}`);
        ({ id } = await startSession(ann));
        const some = awake ? all.filter((report) => report.atMs !== 60) : all;
        await apply(...some.map((report) => ({ ...report, session: id })));
        expect((await read()).state).toBe(awake ? "ready" : "hibernated");
      }),
      { numRuns: 15 },
    );
  });

  it("of failure end a session that sleeps", async () => {
    await apply(ready(), hibernated(20), failed());
    expect(await read()).toMatchObject({ state: "failed", hibernatedBytes: null });
  });

  it("that a machine sleeps for whom nobody waits get its state removed", async () => {
    await apply(ready());
    await ann.call("DELETE", `/v1/sessions/${id}`);
    await apply(hibernated(20));
    expect(await hasStopJob(1, ".hibernated")).toBe(true);
  });

  it("of failure give the student words and the operator the detail", async () => {
    await apply(ready(), failed());
    expect(await read()).toMatchObject({ state: "failed", reason: "machine_crashed", cell: "cell-a" });
    expect((await read()).message).toContain("Your recording up to then is kept");
    expect((await bed.api.core.database.session.findUniqueOrThrow({ where: { id } })).detail).toBe("qemu: boom");
  });

  it("do not change how a session has ended", async () => {
    await apply(ready(), failed(), { ...base(), kind: "ended", atMs: 10, reason: "stopped" });
    expect(await read()).toMatchObject({ state: "failed", reason: "machine_crashed" });
  });

  it("for a session that was stopped meanwhile get the machine ended", async () => {
    await ann.call("DELETE", `/v1/sessions/${id}`);
    expect(await hasStopJob(1, ".starting")).toBe(false);
    await apply(starting());
    expect(await hasStopJob(1, ".starting")).toBe(true);
    expect((await read()).state).toBe("ended");
  });

  it("of an epoch before change nothing, and its machine is ended", async () => {
    await apply(ready());
    const reset = await ann.call("POST", `/v1/sessions/${id}/reset`);
    expect(reset).toMatchObject({ status: 202, body: { epoch: 2, how: null } });
    expect(["queued"]).toContain(reset.body.state);
    await apply(failed(1), presence(3, 99, 1), ready(1));
    expect(await read()).toMatchObject({ epoch: 2, state: "queued", reason: null });
    expect(await hasStopJob(1)).toBe(true);
    expect(await hasStopJob(1, ".ready")).toBe(true);
    await apply(ready(2));
    expect((await read()).state).toBe("ready");
  });

  it("that somebody wants a fresh machine reset the session as that user, once for each machine", async () => {
    const wanted = (): Report => ({ ...base(), kind: "reset_wanted", atMs: 5, user: ann.id });
    await apply(wanted());
    expect((await read()).epoch).toBe(1);
    await apply(ready(), presence(1, 4), wanted(), wanted());
    expect(await read()).toMatchObject({ epoch: 2, state: "queued" });
    const rows = await bed.api.core.database.auditRow.findMany({ where: { subject: id, action: "session.reset" } });
    expect(rows).toMatchObject([{ actorId: ann.id, requestId: null }]);
    await apply(ready(2));
    await ann.call("DELETE", `/v1/sessions/${id}`);
    await apply({ ...wanted(), epoch: 2 });
    expect(sessionIsFinal((await read()).state)).toBe(true);
  });

  it("of an epoch that was never given out change nothing", async () => {
    await apply(ready(7), failed(7));
    expect(["requested", "queued"]).toContain((await read()).state);
  });

  it("for a session that does not exist are no error", async () => {
    await expect(apply({ ...starting(), session: `ses_${"0".repeat(20)}` })).resolves.toBe("may have left a job");
  });

  it("in any order and number lead to the same end", async () => {
    const reports = [starting(), ready(), presence(1, 10), presence(0, 11), presence(2, 12)];
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([...reports, ...reports], { minLength: 10 }), async (order) => {
        await ann.call("DELETE", `/v1/sessions/${id}`);
        ({ id } = await startSession(ann));
        await apply(...order.map((report) => ({ ...report, session: id })));
        expect((await read()).state).toBe("attached");
        await apply(...[failed(), ...order].map((report) => ({ ...report, session: id })));
        expect(sessionIsFinal((await read()).state)).toBe(true);
      }),
      { numRuns: 15 },
    );
  });

  it("that are not of the contract's shape are refused without harm", async () => {
    await bed.report({ kind: "ready", session: "../../etc" } as unknown as Report);
    await bed.report(ready());
    await until(read, (session) => session.state === "ready");
  });
});
