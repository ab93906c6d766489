import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RESERVE_BYTES } from "./limits.ts";
import { verifyTrace } from "./reader.ts";
import { readTraceBytes } from "./segments.ts";
import { failingDisk } from "./testing/failing-disk.ts";
import { testHeader } from "./testing/trace-builder.ts";
import { TraceWriter, type TraceWriterOptions } from "./writer.ts";

let folder = "";
let directory = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ringside-trace-"));
  directory = join(folder, "trace");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = (options: Partial<TraceWriterOptions> = {}) =>
  TraceWriter.open({ directory, header: testHeader(), wall: () => new Date(0), monotonicMs: () => 0, ...options });
const verify = () => verifyTrace(readTraceBytes(directory));
const coded = (code: string) => expect.objectContaining({ code });
const interrupt = { type: "gdb.interrupt", connection: 1 } as const;
const output = (data: string) => ({ type: "console.output", data }) as const;

describe("staged events", () => {
  it("reach the disk with the flush and not before, in one chain with what is appended", async () => {
    await using writer = await open();
    expect(writer.stage(interrupt).seq).toBe(1);
    expect(writer.stage(output("a")).seq).toBe(2);
    expect(await verify()).toMatchObject({ status: "intact", events: { length: 1 } });
    writer.flush();
    expect(await verify()).toMatchObject({ status: "intact", events: { length: 3 } });
    writer.stage(interrupt);
    expect(writer.append(interrupt).seq).toBe(4);
    expect(await verify()).toMatchObject({ status: "intact", events: { length: 5 } });
  });

  it("are written before the seal, and before the writer closes", async () => {
    {
      await using writer = await open();
      writer.stage(interrupt);
    }
    expect(await verify()).toMatchObject({ status: "intact", events: { length: 2 } });
    await using again = await open();
    again.stage(interrupt);
    const seal = again.seal();
    expect(await verify()).toMatchObject({ status: "intact", seal, events: { length: 5 } });
  });

  it("are forgotten together when the disk is full, and their numbers used again", async () => {
    const disk = failingDisk();
    await using writer = await open({ disk });
    writer.stage(interrupt);
    writer.stage(output("x".repeat(500)));
    disk.room = 400;
    expect(() => writer.flush()).toThrow(coded("storage_full"));
    disk.room = Number.POSITIVE_INFINITY;
    expect(writer.append(interrupt).seq).toBe(1);
    const seal = writer.seal();
    expect(await verify()).toMatchObject({ status: "intact", seal, events: { length: 3 } });
  });

  it("are written on the way where one turn brings very many", async () => {
    await using writer = await open();
    for (let i = 0; i < 40; i += 1) writer.stage(output("x".repeat(10_000)));
    const before = await verify();
    expect(before).toMatchObject({ status: "intact" });
    expect(before.events.length).toBeGreaterThan(20);
    writer.flush();
    expect(await verify()).toMatchObject({ status: "intact", events: { length: 41 } });
  });

  it("count towards the trace's limit before they are written", async () => {
    await using writer = await open({ bytesMax: RESERVE_BYTES + 2_000 });
    const staging = () => {
      for (let i = 0; i < 100; i += 1) writer.stage(output("x".repeat(100)));
    };
    expect(staging).toThrow(coded("trace_full"));
    const seal = writer.seal();
    expect(await verify()).toMatchObject({ status: "intact", seal });
  });
});
