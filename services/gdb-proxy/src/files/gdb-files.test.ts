import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { parsePacket } from "@ringside/rsp";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GdbClient } from "../client/gdb-client.ts";
import { TcpTransport } from "../client/tcp-transport.ts";
import type { CellFile, FileSet } from "./cell-files.ts";
import { GdbFiles } from "./gdb-files.ts";
import { applyPatches, withoutDebug } from "./without-debug.ts";

const run = promisify(execFile);
let folder: string;
let files: FileSet;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ringside-gdb-files-"));
  await writeFile(
    join(folder, "kernel.c"),
    "int the_listen(int backlog) { return backlog; }\nint main(void) { return 0; }\n",
  );
  const hostPath = join(folder, "vmlinux");
  await run("gcc", ["-g", "-O0", "-no-pie", "-Wl,--build-id", "-o", hostPath, join(folder, "kernel.c")]);
  await using handle = await open(hostPath, "r");
  const { size } = await handle.stat();
  const main: CellFile = { path: "/image/vmlinux", bytes: size, hostPath, patches: (await withoutDebug(handle)) ?? [] };
  files = { main, all: [main, { ...main, path: "/image/debug/vmlinux", patches: [] }] };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a file without its debug information", () => {
  it("has the other sections, the symbols and the build-id", async () => {
    const { hostPath, patches } = files.main;
    const bytes = await readFile(hostPath);
    applyPatches(patches, bytes, 0);
    const patched = join(folder, "patched");
    await writeFile(patched, bytes);
    const sections = async (path: string) => {
      const { stdout } = await run("readelf", ["-SW", path]);
      return [...stdout.matchAll(/\] (\.\S+) +(?!NULL)[A-Z]/g)].map(([, name = ""]) => name);
    };
    const all = await sections(hostPath);
    expect(all.some((name) => name.startsWith(".debug_"))).toBe(true);
    expect(await sections(patched)).toEqual(all.filter((name) => !name.startsWith(".debug_")));
    const notes = async (path: string) => (await run("readelf", ["-n", path])).stdout.replaceAll(path, "");
    expect(await notes(patched)).toEqual(await notes(hostPath));
    expect((await run("nm", [patched])).stdout).toContain(" T the_listen");
  });

  it("is the same however it is read", async () => {
    const { hostPath, patches } = files.main;
    const plain = await readFile(hostPath);
    const whole = Buffer.from(plain);
    applyPatches(patches, whole, 0);
    const near = fc
      .integer({ min: -5, max: 5 })
      .chain((shift) => fc.constantFrom(...patches.map((patch) => patch.offset + shift)));
    fc.assert(
      fc.property(near, fc.integer({ min: 1, max: 200 }), (at, length) => {
        const piece = Buffer.from(plain.subarray(at, at + length));
        applyPatches(patches, piece, at);
        expect(piece.equals(whole.subarray(at, at + length))).toBe(true);
      }),
    );
  });

  it("is none where it is no ELF file of 64 bits, or a damaged one", async () => {
    const good = await readFile(files.main.hostPath);
    const path = join(folder, "damaged");
    const table = Number(good.readBigUInt64LE(0x28));
    const places = fc.oneof(fc.nat(63), fc.integer({ min: table, max: good.length - 1 }));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(places, fc.nat(255)), { maxLength: 8 }), async (changes) => {
        const bytes = Buffer.from(good);
        for (const [at, value] of changes) bytes[at] = value;
        await writeFile(path, bytes);
        await using handle = await open(path, "r");
        const patches = await withoutDebug(handle).catch((error: unknown) => {
          expect(error).toBeInstanceOf(RangeError);
          return null;
        });
        expect(patches === null || patches.every(({ offset }) => offset >= 0)).toBe(true);
      }),
    );
    await writeFile(path, "no kernel");
    await using handle = await open(path, "r");
    expect(await withoutDebug(handle)).toBeNull();
  });
});

/** A machine that stands still; whatever is about files must not come here. */
function standing(payload: string): string {
  const packet = parsePacket(payload);
  switch (packet.kind) {
    case "qSupported":
      return "PacketSize=3000;qXfer:features:read+;QStartNoAckMode+";
    case "QStartNoAckMode":
      return "OK";
    case "qXfer":
      return packet.object === "features" ? "l<target><architecture>i386:x86-64</architecture></target>" : "E01";
    case "?":
      return "T05thread:01;";
    case "g":
      return "0".repeat(2 * 536);
    case "m":
      return "00".repeat(packet.length);
    case "qAttached":
      return "1";
    case "qfThreadInfo":
      return "m01";
    case "qsThreadInfo":
      return "l";
    case "H":
    case "T":
    case "D":
      return "OK";
    default:
      return "";
  }
}

/** A gdb's connection to such a machine, and which packets reached it. */
async function withGdb(commands: readonly string[]): Promise<{ output: string; reached: readonly string[] }> {
  const reached: string[] = [];
  await using server = createServer((socket) => {
    const gdb: GdbClient = new GdbClient(
      new TcpTransport(socket),
      {
        arch: "x86_64",
        takesPackets: true,
        packet: (payload) => {
          reached.push(payload);
          gdb.reply(standing(payload));
        },
        packetWaits: () => undefined,
        interrupt: () => undefined,
        left: () => undefined,
      },
      new GdbFiles(files),
    );
    gdb.start();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const all = [`target remote 127.0.0.1:${(server.address() as AddressInfo).port}`, ...commands];
  const args = all.flatMap((command) => ["-ex", command]);
  const env = { PATH: process.env.PATH ?? "", HOME: folder };
  const { stdout } = await run("gdb", ["-nx", "-batch", ...args], { timeout: 20_000, env });
  return { output: stdout, reached };
}

describe("gdb without a file", () => {
  it("gets the kernel's symbols, and nothing about files reaches the machine or its trace", async () => {
    const { output, reached } = await withGdb(["info address the_listen", "whatis the_listen"]);
    expect(output).toMatch(/Symbol "the_listen" is at 0x[0-9a-f]+ in a file compiled without debugging/);
    expect(output).toContain("<text variable, no debug info>");
    expect(reached).toContain("?");
    expect(reached.filter((payload) => /vFile|exec-file/.test(payload))).toEqual([]);
  });

  it("may read the whole file, if it asks for it by its name", async () => {
    const { output } = await withGdb(["symbol-file target:/image/debug/vmlinux", "whatis the_listen"]);
    expect(output).toContain("type = int (int)");
  });

  it("gets no other file of the host", async () => {
    const { output } = await withGdb([`remote get ${join(folder, "vmlinux")} ${join(folder, "stolen")}`, "echo done"]);
    expect(output).not.toContain("Successfully fetched");
    await expect(readFile(join(folder, "stolen"))).rejects.toThrow();
  });
});
