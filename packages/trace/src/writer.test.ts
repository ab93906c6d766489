import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readSeal } from "./existing.ts";
import { RESERVE_BYTES } from "./limits.ts";
import { verifyTrace } from "./reader.ts";
import { readTraceBytes } from "./segments.ts";
import { anyEvent } from "./testing/event-arbitrary.ts";
import { failingDisk } from "./testing/failing-disk.ts";
import { testHeader } from "./testing/trace-builder.ts";
import { TraceWriter, type TraceWriterOptions } from "./writer.ts";

let folder = "";
let directory = "";
let nowMs = 0;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ringside-trace-"));
  directory = join(folder, "trace");
  nowMs = 1_000;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = (options: Partial<TraceWriterOptions> = {}) =>
  TraceWriter.open({
    directory,
    header: testHeader(),
    wall: () => new Date("2026-03-02T08:00:00Z"),
    monotonicMs: () => nowMs,
    ...options,
  });
const verify = () => verifyTrace(readTraceBytes(directory));
const coded = (code: string) => expect.objectContaining({ code });
const interrupt = { type: "gdb.interrupt", connection: 1 } as const;
const output = (data: string) => ({ type: "console.output", data }) as const;
const segment = (number: number) => join(directory, `00000${number}.jsonl`);
/** Ends a writer as a killed process would: nothing is written any more, the lock is free. */
const crash = (writer: TraceWriter) => writer.close();

describe("a trace writer", () => {
  it("writes what the verifier reads, and seals it", async () => {
    await using writer = await open();
    nowMs += 1.23456;
    expect(writer.append(interrupt)).toEqual({ seq: 1, t: 1.235, ...interrupt });
    expect(writer.sealed).toBeNull();
    const seal = writer.seal();
    expect(writer.sealed).toEqual(seal);
    const result = await verify();
    expect(result).toMatchObject({ status: "intact", seal, digest: seal.digest });
    expect(result.events.map(({ seq, t, type }) => [seq, t, type])).toEqual([
      [0, 0, "trace.opened"],
      [1, 1.235, "gdb.interrupt"],
      [2, 1.235, "trace.sealed"],
    ]);
    expect(seal).toMatchObject({ events: 3, bytes: writer.bytes });
    expect(await readSeal(directory)).toEqual(seal);
  });

  it("keeps any events over any segments, crashes and restarts", async () => {
    const step = fc.oneof({ weight: 8, arbitrary: anyEvent }, { weight: 1, arbitrary: fc.constant("crash" as const) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.integer({ min: 100, max: 3_000 }), async (steps, size) => {
        await rm(directory, { recursive: true, force: true });
        let writer = await open({ segmentBytesMax: size });
        const kept = [];
        for (const next of steps) {
          if (next === "crash") {
            await crash(writer);
            writer = await open({ segmentBytesMax: size });
          } else kept.push(writer.append(next));
        }
        const seal = writer.seal();
        await writer.close();
        const result = await verify();
        expect(result).toMatchObject({ status: "intact", seal });
        expect(result.events.filter(({ type }) => !type.startsWith("trace."))).toEqual(kept);
      }),
      { numRuns: 30 },
    );
  });

  it("begins a new segment where the last is full, and takes an event larger than a segment", async () => {
    await using writer = await open({ segmentBytesMax: 1_000 });
    for (let i = 0; i < 20; i += 1) writer.append(interrupt);
    writer.append(output("x".repeat(5_000)));
    writer.append(interrupt);
    const names = (await readdir(directory)).sort();
    expect(names.slice(0, 2)).toEqual(["000001.jsonl", "000002.jsonl"]);
    for (const name of names) {
      const text = await readFile(join(directory, name), "utf8");
      expect(text.endsWith("\n")).toBe(true);
      if (text.length > 1_000) expect(text.split("\n")).toHaveLength(2);
    }
    expect(await verify()).toMatchObject({ status: "intact" });
  });

  it("seals once: sealing again answers the same, appending is an error, opening again finds it sealed", async () => {
    const writer = await open();
    const seal = writer.seal();
    expect(writer.seal()).toBe(seal);
    expect(() => writer.append(interrupt)).toThrow(coded("session_ended"));
    await writer.close();
    const before = await readFile(segment(1));
    await using again = await open();
    expect(again.sealed).toEqual(seal);
    expect(again.seal()).toEqual(seal);
    expect(() => again.append(interrupt)).toThrow(coded("session_ended"));
    expect(await readFile(segment(1))).toEqual(before);
  });

  it("takes nothing after it was closed, and closing twice is the same as once", async () => {
    const writer = await open();
    await writer.close();
    await writer.close();
    expect(() => writer.append(interrupt)).toThrow(coded("session_ended"));
    expect(() => writer.seal()).toThrow(coded("session_ended"));
  });

  it("never lets time run backwards, whatever the clock does", async () => {
    await using writer = await open();
    nowMs += 10;
    expect(writer.append(interrupt).t).toBe(10);
    nowMs -= 5;
    expect(writer.append(interrupt).t).toBe(10);
    expect((await verify()).status).toBe("intact");
  });

  it("refuses the events that only it writes", async () => {
    await using writer = await open();
    expect(() => writer.append({ type: "trace.sealed", wall: "2026-03-02T08:00:00Z" })).toThrow("open() and seal()");
    expect((await verify()).events).toHaveLength(1);
  });
});

describe("opening a trace again", () => {
  it("goes on with its chain, number and time", async () => {
    const writer = await open();
    nowMs += 50;
    writer.append(interrupt);
    await crash(writer);
    nowMs = 3;
    await using again = await open();
    nowMs += 2;
    again.append(interrupt);
    const { events, status } = await verify();
    expect(status).toBe("intact");
    expect(events.map(({ type, t }) => [type, t])).toEqual([
      ["trace.opened", 0],
      ["gdb.interrupt", 50],
      ["trace.resumed", 50],
      ["gdb.interrupt", 52],
    ]);
  });

  it("cuts off a half-written last line, wherever it was torn", async () => {
    const writer = await open();
    writer.append(interrupt);
    await crash(writer);
    const whole = await readFile(segment(1));
    const start = whole.subarray(0, -1).lastIndexOf("\n") + 1;
    for (let bytes = start + 1; bytes < whole.length; bytes += 7) {
      await writeFile(segment(1), whole.subarray(0, bytes));
      await crash(await open());
      const { events, status } = await verify();
      expect(status).toBe("intact");
      expect(events[1]).toMatchObject({ type: "trace.resumed", cutBytes: bytes - start });
    }
  });

  it("begins anew where not even the opening was whole, and where the last segment is still empty", async () => {
    await crash(await open());
    await truncate(segment(1), 20);
    await crash(await open());
    expect((await verify()).events.map(({ type }) => type)).toEqual(["trace.opened"]);
    await writeFile(segment(2), "");
    await crash(await open());
    expect((await verify()).events.map(({ type }) => type)).toEqual(["trace.opened", "trace.resumed"]);
    expect(await readFile(segment(2), "utf8")).toContain("trace.resumed");
  });

  it("refuses a trace that is damaged anywhere else, and leaves it as it is", async () => {
    const writer = await open({ segmentBytesMax: 600 });
    for (let i = 0; i < 10; i += 1) writer.append(interrupt);
    await crash(writer);
    const whole = await readFile(segment(1));
    const damages: [string, () => Promise<unknown>][] = [
      ["an edited byte", () => writeFile(segment(1), whole.toString("latin1").replace("net-listen", "net-listem"))],
      ["a cut before the last segment", () => truncate(segment(1), whole.length - 5)],
      ["a doubled line", () => appendFile(segment(1), whole.subarray(whole.subarray(0, -1).lastIndexOf("\n") + 1))],
      ["a missing segment", () => rm(segment(1))],
    ];
    for (const [what, damage] of damages) {
      await damage();
      const before = await Promise.all((await readdir(directory)).map((name) => readFile(join(directory, name))));
      await expect(open(), what).rejects.toEqual(coded("trace_damaged"));
      expect(await Promise.all((await readdir(directory)).map((name) => readFile(join(directory, name))))).toEqual(
        before,
      );
      await writeFile(segment(1), whole);
    }
    await crash(await open());
  });

  it("refuses a sealed trace with bytes behind the seal", async () => {
    const writer = await open();
    writer.seal();
    await writer.close();
    await appendFile(segment(1), "x");
    await expect(open()).rejects.toEqual(coded("trace_damaged"));
    await expect(readSeal(directory)).rejects.toEqual(coded("trace_damaged"));
  });

  it("refuses another session's trace", async () => {
    await crash(await open());
    const header = testHeader({ session: "ses_99999999999999999999" });
    await expect(open({ header })).rejects.toEqual(coded("conflict"));
  });

  it("is refused while another writer has it, and possible when that has closed", async () => {
    const writer = await open();
    await expect(open()).rejects.toEqual(coded("conflict"));
    await writer.close();
    await crash(await open());
  });

  it("has no seal to read before it is sealed, and no trace where there is none", async () => {
    await expect(readSeal(directory)).rejects.toEqual(coded("not_found"));
    await mkdir(directory);
    await expect(readSeal(directory)).rejects.toEqual(coded("not_found"));
    await crash(await open());
    expect(await readSeal(directory)).toBeNull();
  });
});

describe("a killed writer", () => {
  it("loses no event that it was told is kept, and leaves no lock", async () => {
    for (let round = 0; round < 3; round += 1) {
      const script = fileURLToPath(new URL("./testing/writer-process.ts", import.meta.url));
      const child = spawn(process.execPath, [script, directory], { stdio: ["ignore", "pipe", "inherit"] });
      let told = "";
      child.stdout.on("data", (data) => {
        told += data;
        if (told.length > 2_000 * (round + 1)) child.kill("SIGKILL");
      });
      const [, signal] = await once(child, "close");
      expect(signal).toBe("SIGKILL");
      const last = Number(told.split("\n").at(-2));
      expect(last).toBeGreaterThan(100);
      const writer = await open({ segmentBytesMax: 20_000 });
      const { events, status } = await verify();
      expect(status).toBe("intact");
      expect(events.length).toBeGreaterThan(last + 1);
      await writer.close();
    }
  });
});

describe("a writer on a failing disk", () => {
  it("writes whole events however few bytes a call takes", async () => {
    const disk = failingDisk();
    disk.writeBytesMax = 7;
    await using writer = await open({ disk });
    writer.append(output("x".repeat(100)));
    expect(await verify()).toMatchObject({ status: "intact", events: { length: 2 } });
  });

  it("stays whole when the disk is full at any byte, and goes on when there is room again", async () => {
    for (let room = 0; room < 200; room += 9) {
      await rm(directory, { recursive: true, force: true });
      const disk = failingDisk();
      await using writer = await open({ disk });
      disk.room = room;
      expect(() => writer.append(output("x".repeat(120)))).toThrow(coded("storage_full"));
      expect(() => writer.append(output("x".repeat(120)))).toThrow(coded("storage_full"));
      expect(await verify()).toMatchObject({ status: "intact", events: { length: 1 } });
      disk.room = Number.POSITIVE_INFINITY;
      expect(writer.append(interrupt).seq).toBe(1);
      const seal = writer.seal();
      expect(await verify()).toMatchObject({ status: "intact", seal });
    }
  });

  it("can be sealed later when the disk was full at first", async () => {
    const disk = failingDisk();
    await using writer = await open({ disk });
    disk.room = 10;
    expect(() => writer.seal()).toThrow(coded("storage_full"));
    disk.room = Number.POSITIVE_INFINITY;
    expect(writer.seal().events).toBe(2);
  });

  it("stays whole when there is no room for the next segment", async () => {
    const disk = failingDisk();
    await using writer = await open({ disk, segmentBytesMax: 500 });
    disk.failing = { open: "ENOSPC" };
    expect(() => writer.append(output("x".repeat(500)))).toThrow(coded("storage_full"));
    disk.failing = {};
    writer.append(output("x".repeat(500)));
    expect(await verify()).toMatchObject({ status: "intact", events: { length: 2 } });
  });

  it("cannot be opened on a full disk, and can when there is room", async () => {
    const disk = failingDisk();
    disk.room = 10;
    await expect(open({ disk })).rejects.toEqual(coded("storage_full"));
    disk.room = Number.POSITIVE_INFINITY;
    await crash(await open({ disk }));
    disk.room = 0;
    await expect(open({ disk })).rejects.toEqual(coded("storage_full"));
    await crash(await open());
  });

  it("is not made where its folder cannot be made lasting", async () => {
    const disk = failingDisk();
    disk.failing = { sync: "EIO" };
    await expect(open({ disk })).rejects.toEqual(coded("EIO"));
    await crash(await open());
  });

  it.each<[string, "sync" | "write"]>([
    ["a failed fsync", "sync"],
    ["a failed write", "write"],
  ])("is ended for good by %s", async (_, call) => {
    const disk = failingDisk();
    const writer = await open({ disk, segmentBytesMax: 400 });
    disk.failing = { [call]: "EIO" };
    expect(() => writer.append(output("x".repeat(500)))).toThrow(coded("internal"));
    disk.failing = {};
    expect(() => writer.append(interrupt)).toThrow(coded("internal"));
    expect(() => writer.seal()).toThrow(coded("internal"));
    await writer.close();
    expect(await verify()).toMatchObject({ status: "intact", events: { length: 1 } });
  });

  it("is ended for good when a half-written event cannot be cut off; opening it again does that", async () => {
    const disk = failingDisk();
    const writer = await open({ disk });
    disk.room = 10;
    disk.failing = { truncate: "EIO" };
    expect(() => writer.append(output("x".repeat(100)))).toThrow(coded("internal"));
    expect(await verify()).toMatchObject({ status: "damaged", kind: "torn_line" });
    await writer.close();
    await crash(await open());
    expect(await verify()).toMatchObject({ status: "intact", events: { length: 2 } });
  });

  it("is full at its limit, and can still be resumed and sealed", async () => {
    const bytesMax = RESERVE_BYTES + 2_000;
    const writer = await open({ bytesMax });
    expect(() => {
      for (let i = 0; i < 100; i += 1) writer.append(output("x".repeat(100)));
    }).toThrow(coded("trace_full"));
    expect(writer.bytes).toBeGreaterThan(1_500);
    await crash(writer);
    for (let i = 0; i < 50; i += 1) await crash(await open({ bytesMax }));
    await using again = await open({ bytesMax });
    expect(() => again.append(interrupt)).toThrow(coded("trace_full"));
    const seal = again.seal();
    expect(seal.bytes).toBeLessThanOrEqual(bytesMax);
    expect(await verify()).toMatchObject({ status: "intact", seal });
  });
});
