import { duplexPair } from "node:stream";
import { expect, test } from "vitest";
import { handOver, parametersLine } from "./parameters-channel.ts";

/** A guest that answers the first line it gets, once it runs. */
function guest(answer: string) {
  const [ours, theirs] = duplexPair();
  let got = "";
  theirs.on("data", (chunk: Buffer) => {
    got += chunk.toString();
  });
  return { channel: ours, theirs, run: async () => theirs.write(answer), got: () => got };
}

test("the line has its keys sorted, so that the same parameters are the same bytes", () => {
  expect(parametersLine({ port: 5001, backlog: 17, payload: "hi" })).toBe("params backlog=17 payload=hi port=5001");
  expect(parametersLine({})).toBe("params");
});

test("values that could end the line or are longer than the guest takes are refused", () => {
  expect(() => parametersLine({ payload: "a\nshell" })).toThrow();
  const long = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`key${i}`, "x".repeat(32)]));
  expect(() => parametersLine(long)).toThrow("longer than the guest's 256 bytes");
});

test("the guest gets the line and its ok ends the wait", async () => {
  const { channel, run, got } = guest("ok\n");
  await handOver(channel, { backlog: 3 }, run);
  expect(got()).toBe("params backlog=3\n");
});

test("a guest that refuses, babbles or hangs up is an error", async () => {
  const refusing = guest("error port must be 1..65535\n");
  await expect(handOver(refusing.channel, {}, refusing.run)).rejects.toMatchObject({ code: "internal" });
  const babbling = guest("x".repeat(1_000));
  await expect(handOver(babbling.channel, {}, babbling.run)).rejects.toThrow("too long");
  const gone = guest("");
  const waiting = handOver(gone.channel, {}, async () => gone.channel.destroy());
  await expect(waiting).rejects.toMatchObject({ code: "machine_gone" });
});

test("after the hand-over the channel goes on being drained", async () => {
  const { channel, theirs, run } = guest("ok\n");
  await handOver(channel, {}, run);
  const chunk = Buffer.alloc(64 * 1024);
  for (let i = 0; i < 16; i++) await new Promise((resolve) => theirs.write(chunk, resolve));
  expect(channel.readableLength).toBeLessThan(chunk.length * 2);
});
