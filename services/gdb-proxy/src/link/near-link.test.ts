import { closeCodeFor, RingsideError } from "@ringside/shared";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { CODE, HELLO, LinkBench, NOT_RAM, RAM, STACK } from "../testing/link-bench.ts";
import { SeatModel } from "../testing/seat-model.ts";

let bench: LinkBench;

beforeAll(async () => {
  bench = await LinkBench.start();
});
afterAll(() => bench.close());
beforeEach(() => bench.begin());
afterEach(() => bench.end());

const names = (pages: ReadonlyMap<string, Uint8Array>): string[] => [...pages.keys()];

describe("a link", () => {
  it("says hello, and leaves the machine alone until a gdb attaches", async () => {
    const client = bench.connect();
    expect(await client.hello).toEqual(HELLO);
    expect(bench.guest.asked).toEqual([]);
  });

  it("answers an attach with the stop, the target's description and what gdb will ask first", async () => {
    const { message, pages } = await bench.connect().attach();
    expect(message).toMatchObject({ stop: "T05thread:01;", features: { "target.xml": "<target/>" } });
    expect(message.bundle).toMatchObject({ registers: bench.guest.g, threads: "m01" });
    expect(names(pages)).toEqual(["ffffffff81000000", "ffffc90000002000", "ffffc90000003000"]);
    bench.expectTrue(pages);
  });

  it("carries packets out in order, and ends at the first that is not OK", async () => {
    const client = await bench.attached();
    const done = await client.packets("qC", ["Z0,1000,1", "Z0,2000,1"]);
    expect(done.message).toMatchObject({ payload: "", bundle: null });
    expect(bench.seat.packets).toEqual(["Z0,1000,1", "Z0,2000,1", "qC"]);
    const ended = await client.packets("vCont;c", ["Z0,3000,1", "Z0,bad,1", "Z0,4000,1"]);
    expect(ended.message.payload).toBe("E22");
    expect(bench.seat.packets.slice(3)).toEqual(["Z0,3000,1", "Z0,bad,1"]);
  });

  it("carries a thousand packets of one request out", async () => {
    const client = await bench.attached();
    const first = Array.from({ length: 1_000 }, (_, i) => `Z0,${(i + 1).toString(16)}000,1`);
    expect((await client.packets("g", first)).message.payload).toBe(bench.guest.g);
    expect(bench.seat.packets).toEqual([...first, "g"]);
  });

  it("tells of a stop with what is true now, and sends of each page what has changed", async () => {
    const client = await bench.attached();
    const running = client.packets("vCont;c");
    await vi.waitFor(() => expect(bench.seat.packets).toEqual(["vCont;c"]));
    bench.guest.poke(STACK + 0x2e10n, 0x1122_3344_5566_7788n);
    const before = client.bytes;
    bench.seat.stop("T05thread:01;swbreak:;");
    const { message, pages } = await running;
    expect(message).toMatchObject({ payload: "T05thread:01;swbreak:;" });
    expect(message.bundle?.pages.map(({ as }) => as)).toEqual(["same", "lines", "same"]);
    bench.expectTrue(pages);
    expect(client.bytes - before).toBeLessThan(3_000);
  });

  it("passes Ctrl-C on, also one that comes before the machine stands", async () => {
    const client = await bench.attached();
    const running = client.packets("vCont;c");
    client.send({ type: "interrupt" });
    expect((await running).message.payload).toBe("T02thread:01;");
  });

  it("reads pages, and more where they are read in sequence", async () => {
    const client = await bench.attached();
    const one = await client.read([RAM]);
    expect(names(one.pages)).toEqual([0n, 1n, 2n, 3n, 4n].map((n) => (RAM + n * 4_096n).toString(16)));
    const two = await client.read([RAM + 5n * 4_096n]);
    expect(two.pages.size).toBe(9);
    bench.expectTrue(new Map([...one.pages, ...two.pages]));
  });

  it("says which pages cannot be had, without having read what is no memory", async () => {
    const client = await bench.attached();
    const { message, pages } = await client.read([NOT_RAM, RAM, 0x7000n]);
    expect(message.missing.toSorted()).toEqual(["7000", NOT_RAM.toString(16)].toSorted());
    expect(pages.has(RAM.toString(16))).toBe(true);
    expect(bench.guest.pagesAsked).not.toContain(NOT_RAM);
    const exact = await client.packets(`m${NOT_RAM.toString(16)},4`);
    expect(exact.message.payload).toMatch(/^[0-9a-f]{8}$/);
  });

  it("gives pages again that were given already", async () => {
    const client = await bench.attached();
    await client.read([RAM]);
    const again = await client.read([RAM]);
    expect(again.pages.has(RAM.toString(16))).toBe(true);
    bench.expectTrue(again.pages);
  });

  it("follows a list by the reads that were noted", async () => {
    const node = (n: number): bigint => RAM + BigInt((n * 9) % 40) * 4_096n + 0x100n;
    for (let n = 0; n < 10; n += 1) bench.guest.poke(node(n), node(n + 1));
    const client = await bench.attached();
    const { pages: first } = await client.read([node(0) & ~0xfffn]);
    const { pages: then } = await client.read([node(1) & ~0xfffn], [`m${node(0).toString(16)},8`]);
    const given = [...names(first), ...names(then)];
    for (let n = 2; n < 10; n += 1) expect(given).toContain((node(n) & ~0xfffn).toString(16));
    expect(bench.seat.notes).toEqual([`m${node(0).toString(16)},8`]);
  });

  it("sends the pages that were read at one stop with the next", async () => {
    const client = await bench.attached();
    await client.read([RAM + 0x20_000n]);
    const running = client.packets("s", [], [`m${(CODE + 0x9000n).toString(16)},8`]);
    await vi.waitFor(() => expect(bench.seat.packets).toEqual(["s"]));
    bench.seat.stop("T05thread:01;", true);
    const { pages } = await running;
    expect(names(pages)).toEqual([
      ...["ffffffff81000000", "ffffc90000002000"],
      ...[(RAM + 0x20_000n).toString(16), (CODE + 0x9000n).toString(16)],
    ]);
  });

  it("answers a write with what is true after it", async () => {
    const client = await bench.attached();
    await client.read([RAM]);
    const { message, pages } = await client.packets(`M${RAM.toString(16)},2:abcd`);
    expect(message.payload).toBe("OK");
    expect(Buffer.from(pages.get(RAM.toString(16)) ?? []).toString("hex", 0, 2)).toBe("abcd");
    bench.expectTrue(pages);
  });

  it("says that nothing is true any more, once, and only where something was given", async () => {
    const client = await bench.attached();
    bench.seat.debugger.changed();
    bench.seat.debugger.changed();
    bench.seat.debugger.say("u2 drives now");
    await vi.waitFor(() => expect(client.told.at(-1)).toEqual({ type: "said", text: "u2 drives now" }));
    expect(client.told.filter(({ type }) => type === "changed")).toHaveLength(1);
    await client.read([RAM]);
    bench.seat.debugger.changed();
    await vi.waitFor(() => expect(client.told.filter(({ type }) => type === "changed")).toHaveLength(2));
  });

  it("gives an observer no pages of a machine that runs", async () => {
    const client = await bench.attached();
    bench.seat.runsElsewhere = true;
    const { message, pages } = await client.read([RAM]);
    expect(message.missing).toEqual([RAM.toString(16)]);
    expect(pages.size).toBe(0);
  });

  it("gives no bundle that was read before somebody else changed the machine", async () => {
    const client = await bench.attached();
    const running = client.packets("vCont;c");
    await vi.waitFor(() => expect(bench.seat.packets).toEqual(["vCont;c"]));
    bench.seat.describe("T05thread:01;", false);
    bench.seat.debugger.changed();
    bench.seat.debugger.reply("T05thread:01;");
    expect((await running).message.bundle).toBeNull();
  });

  it("waits for a hub that is busy", async () => {
    const client = await bench.attached();
    bench.seat.busy = true;
    const asked = client.packets("g");
    await vi.waitFor(() => expect(bench.seat.calls).toContain("packetWaits"));
    bench.seat.busy = false;
    bench.seat.debugger.wake();
    expect((await asked).message.payload).toBe(bench.guest.g);
  });

  it("takes what a monitor says before its answer to the user", async () => {
    const client = await bench.attached();
    bench.seat.packet = (payload) => {
      bench.seat.packets.push(payload);
      bench.seat.debugger.reply(`O${Buffer.from("stands\n").toString("hex")}`);
      bench.seat.debugger.reply("OK");
    };
    const { message } = await client.packets("qRcmd,737461747573");
    expect(message).toMatchObject({ payload: "OK", said: ["stands\n"] });
  });

  it("answers `k`, to which gdb waits for no answer", async () => {
    const client = await bench.attached();
    expect((await client.packets("k")).message.payload).toBe("");
  });

  it("serves one gdb after another", async () => {
    const client = await bench.attached();
    client.send({ type: "left", noted: ["g"] });
    await vi.waitFor(() => expect(bench.seat.calls).toContain("left: hung up: gdb hung up"));
    expect(bench.seat.notes).toEqual(["g"]);
    const first = bench.seat;
    bench.seat = new SeatModel(bench.guest);
    expect((await client.attach()).message.stop).toBe("T05thread:01;");
    expect(first.calls.filter((call) => call.startsWith("left"))).toHaveLength(1);
  });

  it("lets a gdb hang up while it waits for a stop", async () => {
    const client = await bench.attached();
    void client.packets("vCont;c").catch(() => undefined);
    client.send({ type: "left", noted: [] });
    await vi.waitFor(() => expect(bench.seat.calls).toContain("left: hung up: gdb hung up"));
    bench.seat.stop();
    bench.seat = new SeatModel(bench.guest);
    await client.attach();
  });

  it("says that the line broke off where it closes without a word", async () => {
    const client = await bench.attached();
    client.ws.terminate();
    await vi.waitFor(() => expect(bench.seat.calls.at(-1)).toMatch(/^left: broke off/));
  });

  it("takes a gdb up again that waits for a stop", async () => {
    const client = bench.connect();
    const again = client.attach({ inserted: ["Z0,1000,1"], awaits: "vCont;c" });
    await client.hello;
    await vi.waitFor(() => expect(() => bench.seat.debugger).not.toThrow());
    bench.seat.stop("T05thread:01;hwbreak:;");
    const { message, pages } = await again;
    expect(message.stop).toBe("T05thread:01;hwbreak:;");
    expect(pages.size).toBeGreaterThan(0);
  });

  it("is refused a machine in words, and may try again", async () => {
    const working = bench.attach;
    bench.attach = async () => {
      throw new RingsideError("debugger_busy");
    };
    const client = bench.connect();
    await client.hello;
    const { message } = await client.ask({ type: "attach", again: null } as never);
    expect(message).toMatchObject({ type: "refused", code: "debugger_busy" });
    bench.attach = working;
    await client.attach();
  });

  it("lets go of a machine that its gdb did not wait for", async () => {
    const gate = Promise.withResolvers<void>();
    const working = bench.attach;
    bench.attach = async (debuggerOf, again) => {
      await gate.promise;
      await working(debuggerOf, again);
    };
    const client = bench.connect();
    await client.hello;
    client.send({ type: "attach", id: 1, again: null });
    client.send({ type: "left", noted: [] });
    client.send({ type: "attach", id: 2, again: null });
    await new Promise((resolve) => setTimeout(resolve, 50));
    gate.resolve();
    await vi.waitFor(() => expect(bench.seat.calls).toContain("left: hung up: gdb hung up"));
    client.faults.length = 0;
  });

  it("that the cell ends tells what waits why", async () => {
    const client = await bench.attached();
    const running = client.packets("vCont;c");
    await vi.waitFor(() => expect(bench.seat.packets).toEqual(["vCont;c"]));
    bench.link?.end(new RingsideError("session_ended"));
    expect((await running).message.payload).toMatch(/^E\.session_ended: /);
    expect((await client.closed).code).toBe(closeCodeFor("session_ended"));
  });

  it("tells what waits why it ends", async () => {
    const client = await bench.attached();
    const running = client.packets("vCont;c");
    await vi.waitFor(() => expect(bench.seat.packets).toEqual(["vCont;c"]));
    bench.seat.debugger.end(new RingsideError("machine_gone"));
    expect((await running).message.payload).toMatch(/^E\.machine_gone: /);
    expect((await client.closed).code).toBe(closeCodeFor("machine_gone"));
    await vi.waitFor(() => expect(bench.seat.calls.at(-1)).toBe("left: broke off: machine_gone"));
  });
});
