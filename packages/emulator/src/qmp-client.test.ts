import { type Duplex, duplexPair } from "node:stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import { QMP_LINE_BYTES_MAX, QMP_PENDING_MAX } from "./limits.ts";
import { QmpClient } from "./qmp-client.ts";
import type { QmpEvent } from "./qmp-messages.ts";

const GREETING =
  '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "x"}, "capabilities": []}}\r\n';

/** A QEMU of our own: `answer` gives the bytes for each command, which arrive as `cut` splits them. */
function fakeQemu(answer: (command: string, id: number) => string, cut: (bytes: Buffer) => Buffer[] = (b) => [b]) {
  const [ours, theirs] = duplexPair();
  let text = "";
  const write = (what: string) => {
    for (const part of cut(Buffer.from(what))) theirs.write(part);
  };
  theirs.on("data", (chunk: Buffer) => {
    text += chunk.toString();
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      const { execute, id } = JSON.parse(text.slice(0, end)) as { execute: string; id: number };
      text = text.slice(end + 1);
      write(answer(execute, id));
    }
  });
  theirs.on("error", () => undefined);
  return { client: new QmpClient(ours as Duplex), theirs, write };
}

const returns = (_command: string, id: number): string => `{"return": {"id": ${id}}, "id": ${id}}\r\n`;

test("a command gets its own answer, with events and stranger answers between, cut at every byte", async () => {
  const noisy = (_: string, id: number): string =>
    `{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}\r\n{"return": "no", "id": 999}\r\n{"return": "é${id}", "id": ${id}}\r\n`;
  const whole = Buffer.byteLength(noisy("", 2));
  for (let at = 0; at <= whole; at++) {
    const { client, write } = fakeQemu(noisy, (bytes) =>
      [bytes.subarray(0, at), bytes.subarray(at)].filter((b) => b.length > 0),
    );
    const events: QmpEvent[] = [];
    client.onEvent((event) => events.push(event));
    write(GREETING);
    await client.negotiate();
    expect(await client.execute("query-status")).toBe("é2");
    expect(events.map(({ event }) => event)).toEqual(["STOP", "STOP"]);
    client.close();
  }
});

test("many commands at once each get their own answer, in whatever order the answers come", async () => {
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray([1, 2, 3, 4, 5, 6], { minLength: 6, maxLength: 6 }), async (order) => {
      const { client, write } = fakeQemu(() => "");
      const answers = order.map(() => client.execute("query-status"));
      for (const id of order) write(returns("", id));
      expect(await Promise.all(answers)).toEqual(order.map((_, index) => ({ id: index + 1 })));
      client.close();
    }),
  );
});

test("a late greeting is waited for, and commands that QEMU refuses say why", async () => {
  const refuse = (command: string, id: number): string =>
    command === "qmp_capabilities"
      ? returns("", id)
      : `{"error": {"class": "GenericError", "desc": "no such thing"}, "id": ${id}}\r\n`;
  const { client, write } = fakeQemu(refuse);
  const ready = client.negotiate();
  setTimeout(() => write(GREETING), 30);
  await ready;
  await expect(client.execute("migrate")).rejects.toMatchObject({
    code: "internal",
    message: "QEMU refused: no such thing",
    details: { class: "GenericError" },
  });
  client.close();
});

test.each([
  ["junk", "what is this\n"],
  ["JSON that is not QMP", '{"hello": 1}\n'],
  ["an error without an id", '{"error": {"class": "GenericError", "desc": "JSON parse error"}}\n'],
])("a peer that sends %s is given up, and everybody who waits hears of it", async (_, bytes) => {
  const { client, write } = fakeQemu(() => "");
  const waiting = client.execute("query-status");
  write(bytes);
  await expect(waiting).rejects.toMatchObject({ code: "machine_gone" });
  await expect(client.execute("query-status")).rejects.toMatchObject({ code: "machine_gone" });
});

test("a line without end is not kept beyond the limit", async () => {
  const { client, write } = fakeQemu(() => "");
  const waiting = client.execute("query-status");
  write("x".repeat(QMP_LINE_BYTES_MAX + 1));
  await expect(waiting).rejects.toMatchObject({ code: "machine_gone" });
});

test("a silent QEMU is unresponsive after the deadline, and its late answer harms nobody", async () => {
  const { client, write } = fakeQemu(() => "");
  await expect(client.execute("query-status", {}, { timeoutMs: 20 })).rejects.toMatchObject({
    code: "machine_unresponsive",
  });
  write(returns("", 1));
  const second = client.execute("query-status");
  write(returns("", 2));
  expect(await second).toEqual({ id: 2 });
  client.close();
});

test("waiting ends at once when the signal aborts or the stream closes", async () => {
  const { client, theirs } = fakeQemu(() => "");
  const abort = new AbortController();
  const waiting = client.execute("query-status", {}, { signal: abort.signal });
  abort.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  const other = client.execute("query-status");
  theirs.destroy();
  await expect(other).rejects.toMatchObject({ code: "machine_gone" });
});

test("no more commands than the limit wait at the same time", async () => {
  const { client } = fakeQemu(() => "");
  const waiting = Array.from({ length: QMP_PENDING_MAX }, () => client.execute("query-status"));
  await expect(client.execute("query-status")).rejects.toMatchObject({ code: "machine_unresponsive" });
  client.close();
  const results = await Promise.allSettled(waiting);
  expect(results.every(({ status }) => status === "rejected")).toBe(true);
});
