import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RECORDING_BYTES_MAX } from "@ringside/shared";
import type { ReplayScript } from "@ringside/trace";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createApi } from "../api/calls.ts";
import { fetchLog, type RecordedSession } from "./materials.ts";
import { chooseScript } from "./open-replay.ts";

const SUBMISSION = "sub_00000000000000000000";
const LOG = Buffer.from("what QEMU wrote");
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
let folder: string;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rs-materials-"));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) cleanup();
  await rm(folder, { recursive: true, force: true });
});

/** A server that sends `body` at any path. */
async function serve(body: Buffer | number) {
  const paths: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url);
    if (typeof body !== "number") {
      response.end(body);
      return;
    }
    // So many bytes, which nobody shall have to hold.
    const piece = Buffer.alloc(1024 * 1024);
    let left = body;
    const send = (): void => {
      while (left > 0) {
        left -= piece.length;
        if (response.write(piece)) continue;
        response.once("drain", send);
        return;
      }
      response.end();
    };
    send();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { api: createApi({ url, token: "t", signal: new AbortController().signal }), paths };
}

const script = (epoch: number, from: number, to: number, log: Buffer | null = LOG): ReplayScript => ({
  ...{ epoch, from, to, template: "a".repeat(64), steps: [], console: [], consoleLostAt: null, uncounted: 0 },
  recording: log && {
    ...{ type: "recording.kept", seq: to, t: 0, epoch, sha256: sha256(log), bytes: log.length },
    ...{ template: "a".repeat(64), whole: true },
  },
});

test("a log is fetched by its machine's number and is the one that the trace names", async () => {
  const { api, paths } = await serve(LOG);
  const path = join(folder, "log");
  await fetchLog(api, SUBMISSION, script(2, 0, 9), path);
  expect((await readFile(path)).equals(LOG)).toBe(true);
  expect(paths).toEqual([`/v1/submissions/${SUBMISSION}/recordings/2`]);
});

test("another log than the trace names, one without an end, and one that was not kept are refused", async () => {
  const { api } = await serve(Buffer.from("something else"));
  await expect(fetchLog(api, SUBMISSION, script(1, 0, 9), join(folder, "1"))).rejects.toThrow("sha256");
  const endless = await serve(RECORDING_BYTES_MAX + 2 * 1024 * 1024);
  await expect(fetchLog(endless.api, SUBMISSION, script(1, 0, 9), join(folder, "2"))).rejects.toThrow("larger than");
  await expect(fetchLog(api, SUBMISSION, script(1, 0, 9, null), join(folder, "3"))).rejects.toThrow("was not kept");
});

test("the machine to run is the event's, the epoch's, or the last; where there is none, those that there are are named", () => {
  const session: Pick<RecordedSession, "scripts"> = { scripts: [script(1, 2, 40), script(3, 41, 90)] };
  const choose = (choice: { epoch?: number; event?: number }, of = session) =>
    chooseScript(of as RecordedSession, choice).epoch;
  expect(choose({})).toBe(3);
  expect(choose({ event: 7 })).toBe(1);
  expect(choose({ epoch: 1 })).toBe(1);
  expect(() => choose({ epoch: 2 })).toThrow("machine 1: events 2 to 40; machine 3: events 41 to 90");
  expect(() => choose({ epoch: 1, event: 50 })).toThrow("No recorded machine");
  expect(() => choose({}, { scripts: [] })).toThrow("record: true");
});
