import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectRedis } from "@ringside/redis";
import { CELL_LINK_PATH, type CellLinkRequest, cellLinkAnswers, errorBodySchema, newId } from "@ringside/shared";
import { pino } from "pino";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { CellErrands } from "./cell-errands.ts";
import { startCellLink } from "./cell-link.ts";
import { type HostBed, hostBed, newJob } from "./testing/host-bed.ts";

// The link as the proxy uses it; behind it a host with a fake emulator.
const redis = connectRedis(inject("redisUrl"), "worker", () => undefined);
const base = mkdtempSync(join(tmpdir(), "rs-link-"));
const path = join(base, "cell.sock");
let bed: HostBed;
let link: AsyncDisposable;

beforeAll(async () => {
  bed = await hostBed({ redis, folder: join(base, "host") });
  writeFileSync(path, "left by a crash");
  link = await startCellLink(path, new CellErrands(bed), pino({ level: "silent" }));
});

afterAll(async () => {
  await link[Symbol.asyncDispose]();
  await bed[Symbol.asyncDispose]();
  rmSync(base, { recursive: true, force: true });
  redis.disconnect();
});

function post(body: string, to = CELL_LINK_PATH, method = "POST") {
  return new Promise<{ status: number; body: unknown; retryAfter: string | undefined }>((resolve, reject) => {
    const asking = request({ socketPath: path, path: to, method }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          body: JSON.parse(text),
          retryAfter: response.headers["retry-after"],
        }),
      );
    });
    asking.on("error", reject);
    asking.end(body);
  });
}

async function ask<D extends CellLinkRequest["do"]>(asked: Extract<CellLinkRequest, { do: D }>) {
  const { status, body } = await post(JSON.stringify(asked));
  expect([status, body]).toEqual([200, expect.anything()]);
  return cellLinkAnswers[asked.do].parse(body);
}

test("each errand is answered as the contract says", async () => {
  const job = newJob();
  await bed.take(job);
  const [session, epoch] = [job.session, 1];
  await ask({ do: "save", session, epoch, name: "here" });
  expect(await ask({ do: "list", session })).toMatchObject({ states: [{ name: "here" }] });
  await ask({ do: "fork", session, epoch, name: null, into: newId("ses") });
  await ask({ do: "forget", session, name: "here" });
  await ask({ do: "hibernate", session, epoch, runOn: true });
  expect(await ask({ do: "wake", session, run: "no" })).toMatchObject({ awakeAlready: false });
  expect(await ask({ do: "finish", session })).toEqual({ recordings: [] });
  expect(bed.host.of(session)?.running).not.toBeNull();
});

test("a recorded machine is nudged while it runs, another is not", async () => {
  const [recorded, plain] = [newJob({ record: true }), newJob()];
  await bed.take(recorded);
  const nudge = (session: string, epoch: number) => ask({ do: "nudge", session, epoch });
  expect(await nudge(recorded.session, 1)).toEqual({ nudged: true });
  expect(await nudge(recorded.session, 2)).toEqual({ nudged: false });
  expect(bed.fakes.map(({ nudges }) => nudges)).toContain(1);
  await ask({ do: "finish", session: recorded.session });
  expect(await nudge(recorded.session, 1)).toEqual({ nudged: false });
  await bed.take(plain);
  expect(await nudge(plain.session, 1)).toEqual({ nudged: false });
  await bed.host.of(plain.session)?.end({ kind: "replaced" });
});

test("to finish a recorded session ends its machine, and names the logs, each time the same", async () => {
  const job = newJob({ record: true });
  await bed.take(job);
  const { session } = job;
  const first = await ask({ do: "finish", session });
  expect(first).toMatchObject({ recordings: [{ epoch: 1, whole: true }] });
  expect(bed.host.of(session)).toBeUndefined();
  expect(await ask({ do: "finish", session })).toEqual(first);
  const said = bed.said.filter((report) => report.session === session).map(({ kind }) => kind);
  expect(said).toEqual(["ready"]);
});

test("what cannot be done is answered with a code of the table and a request id", async () => {
  const { status, body } = await post(JSON.stringify({ do: "wake", session: newId("ses"), run: "no" }));
  expect([status, errorBodySchema.parse(body).code]).toEqual([409, "session_not_ready"]);
});

test.each([
  ["no JSON", "{", 400],
  ["an unknown errand", '{"do":"explode"}', 400],
  ["a path for a session", '{"do":"list","session":"../../etc"}', 400],
  ["too much", `"${"x".repeat(20_000)}"`, 413],
])("%s is refused", async (_what, body, status) => {
  const answer = await post(body);
  expect(answer.status).toBe(status);
  errorBodySchema.parse(answer.body);
});

test("another path or method is not found, and only our own user reaches the socket", async () => {
  expect((await post("{}", "/other")).status).toBe(404);
  expect((await post("", CELL_LINK_PATH, "GET")).status).toBe(404);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});
