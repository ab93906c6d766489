import { randomFillSync } from "node:crypto";
import { encodeFrame } from "@ringside/link";
import { closeCodeFor } from "@ringside/shared";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { LINK_UNSENT_BYTES_MAX } from "../limits.ts";
import { LinkBench, RAM } from "../testing/link-bench.ts";
import type { NearClient } from "../testing/near-client.ts";
import { SeatModel } from "../testing/seat-model.ts";

const BAD_REQUEST = closeCodeFor("bad_request");
const STALL_MS = 400;

let bench: LinkBench;

beforeAll(async () => {
  bench = await LinkBench.start(STALL_MS);
});
afterAll(() => bench.close());
beforeEach(() => bench.begin());
afterEach(() => bench.end());

describe("a hostile near agent", () => {
  it.each<readonly [string, (client: NearClient) => void]>([
    ["sends no message", (client) => client.ws.send(Buffer.from("hello"))],
    ["sends another JSON", (client) => client.ws.send(encodeFrame({ type: "hello" }))],
    ["sends pages", (client) => client.ws.send(encodeFrame({ type: "interrupt" }, [Buffer.alloc(4_096)]))],
    ["asks before it has attached", (client) => client.send({ type: "read", id: 1, noted: [], pages: ["0"] })],
  ])("that %s is closed with the reason", async (_name, act) => {
    const client = bench.connect();
    await client.hello;
    act(client);
    expect((await client.closed).code).toBe(BAD_REQUEST);
  });

  it.each<readonly [string, (client: NearClient) => void]>([
    ["asks twice at once", (client) => [5, 6].map((id) => client.send(packets(id, "vCont;c")))],
    ["uses an id again", (client) => client.send(packets(1, "g"))],
    [
      "goes back while it waits for an answer",
      (client) => {
        client.send(packets(5, "vCont;c"));
        client.send({ type: "back", name: 1, took: 1, noted: [] });
      },
    ],
    ["attaches twice", (client) => client.send({ type: "attach", id: 9, again: null })],
  ])("that %s is closed with the reason", async (_name, act) => {
    const client = await bench.attached();
    act(client);
    expect((await client.closed).code).toBe(BAD_REQUEST);
    await vi.waitFor(() => expect(bench.seat.calls.at(-1)).toMatch(/^left: broke off/));
    client.faults.length = 0;
  });

  it("that sends a frame of 16 MiB, or a hundred thousand fragments, is cut off", async () => {
    const big = await bench.attached();
    big.ws.send(Buffer.alloc(16 * 1024 * 1024));
    expect((await big.closed).code).toBe(1009);
    bench.seat = new SeatModel(bench.guest);
    const fragments = await bench.attached();
    for (let i = 0; i < 100_000 && fragments.ws.readyState === fragments.ws.OPEN; i += 1) {
      fragments.ws.send(Buffer.alloc(1), { fin: false });
    }
    expect([1006, 1008, 1009]).toContain((await fragments.closed).code);
  });

  it("that sends a small message which unpacks to 16 MiB is cut off", async () => {
    const client = await bench.attached();
    client.ws.send(Buffer.alloc(16 * 1024 * 1024), { compress: true });
    expect((await client.closed).code).toBe(1009);
  });

  it("that reads nothing is not served on, and closed", async () => {
    const client = await bench.attached();
    await client.read(Array.from({ length: 32 }, (_, n) => RAM + BigInt(n) * 4_096n));
    client.ws.pause();
    let most = 0;
    const unsent = vi.spyOn(bench.transport ?? fail(), "unsentBytes", "get");
    const reads = () => bench.seat.calls.filter((call) => call === "read").length;
    for (let id = 10, served = true; served && id < 400; id += 1) {
      for (const page of bench.guest.pages.values()) randomFillSync(page);
      const before = reads();
      const pages = Array.from({ length: 40 }, (_, n) => (RAM + BigInt(n) * 4_096n).toString(16));
      bench.seat.debugger.changed();
      client.send({ type: "read", id, noted: [], pages });
      served = await vi
        .waitFor(() => expect(reads()).toBeGreaterThan(before), { timeout: 2_000 })
        .then(
          () => true,
          () => false,
        );
      most = Math.max(most, ...unsent.mock.results.map(({ value }) => Number(value)));
    }
    await vi.waitFor(() => expect(bench.seat.calls.at(-1)).toBe("left: broke off: client_stalled"), {
      timeout: 10_000,
    });
    expect(most).toBeLessThan(2 * 1024 * 1024);
    expect(most).toBeGreaterThan(LINK_UNSENT_BYTES_MAX / 2);
    client.faults.length = 0;
  });
});

const packets = (id: number, last: string) => ({ type: "packets" as const, id, noted: [], first: [], last });

function fail(): never {
  throw new Error("no link was opened");
}
