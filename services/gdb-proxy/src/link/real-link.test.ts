import { spawn } from "node:child_process";
import { access, readFile } from "node:fs/promises";
import { cacheDirectory, findImage, type Image, imagePath, loadImage } from "@ringside/image";
import { LINK_PROTOCOL, PAGE_BYTES } from "@ringside/link";
import { registersOf } from "@ringside/rsp";
import { closeCodeFor, PROXY_PATHS } from "@ringside/shared";
import type { TraceEventOf } from "@ringside/trace";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { WebSocket } from "ws";
import { WebSocketTransport } from "../client/ws-transport.ts";
import { TestCell } from "../testing/cell.ts";
import { TestMachineFolder } from "../testing/machine-folder.ts";
import { type Got, NearClient } from "../testing/near-client.ts";
import { type Spawned, startQemu } from "../testing/real-machine.ts";
import { Screen } from "../testing/screen.ts";
import { readEvents } from "../testing/trace-events.ts";
import { Budget } from "./budget.ts";

const PAGE = BigInt(PAGE_BYTES);
/** What one `m` brings. */
const READ_BYTES = 0x1000;

let image: Image;
let cell: TestCell;
let machine: TestMachineFolder;
let qemu: Spawned;
let screen: Screen;
const clients: NearClient[] = [];

beforeAll(async () => {
  // A long line, and no host so busy that guesses are cut short.
  vi.spyOn(WebSocketTransport.prototype, "roundTripMs", "get").mockReturnValue(100);
  vi.spyOn(Budget.prototype, "take").mockReturnValue(true);
  const folder = await findImage(cacheDirectory(process.env), "linux-x86_64");
  if (folder === null) throw new Error("The course image linux-x86_64 is not built: run `ringside image build`");
  image = await loadImage(folder);
  cell = await TestCell.start(inject("redisUrl"));
  machine = await TestMachineFolder.make(cell.runDirectory);
  qemu = startQemu((command, words) => spawn(command, words, { stdio: "ignore" }), image, machine);
  // Only looked at: a connection to the stub would stop the machine.
  await vi.waitFor(() => access(machine.stubPath), { timeout: 10_000 });
  await machine.publish({ image: image.manifest.digest, pid: qemu.pid ?? 1 });
  screen = new Screen(await cell.connect("console", machine.session));
  await screen.wait(image.manifest.prompt);
});

afterAll(async () => {
  vi.restoreAllMocks();
  screen?.ws.terminate();
  qemu?.kill("SIGKILL");
  await cell?.[Symbol.asyncDispose]();
});

afterEach(async () => {
  for (const client of clients.splice(0)) {
    expect(client.faults).toEqual([]);
    client.ws.close();
    await client.closed;
  }
  // The machine runs on once they have left.
  await vi.waitFor(async () => {
    const events = await readEvents(cell.traceDirectory(machine.session));
    const closed = events.flatMap((event) => (event.type === "connection.closed" ? [event.connection] : []));
    const gdbs = events.flatMap((event) =>
      event.type === "connection.opened" && event.kind === "gdb" ? [event.connection] : [],
    );
    for (const gdb of gdbs) expect(closed).toContain(gdb);
  });
});

const urlOf = (session: string): string => `${cell.urls.publicUrl}${PROXY_PATHS.link(session)}`;

async function bearer(): Promise<Record<string, string>> {
  return { authorization: `Bearer ${await cell.office.sign({ kind: "gdb", sid: machine.session })}` };
}

async function open(): Promise<NearClient> {
  const client = new NearClient(urlOf(machine.session), await bearer());
  clients.push(client);
  await client.hello;
  return client;
}

async function symbolAt(name: string): Promise<bigint> {
  const symbols = await readFile(imagePath(image, "symbols"), "latin1");
  return BigInt(`0x${new RegExp(`^([0-9a-f]+) [tTdDbB] ${name}$`, "m").exec(symbols)?.[1] ?? "0"}`);
}

const pageOf = (address: bigint): string => (address - (address % PAGE)).toString(16);

/** Asks the stub for every byte of pages that were sent. @returns how many bytes differ */
async function differences(client: NearClient, pages: ReadonlyMap<string, Uint8Array>): Promise<number> {
  let different = 0;
  for (const [at, bytes] of pages) {
    const { message } = await client.packets(`m${at},${READ_BYTES.toString(16)}`);
    const truth = Buffer.from(message.payload, "hex");
    expect(truth).toHaveLength(PAGE_BYTES);
    for (const [i, byte] of truth.entries()) if (bytes[i] !== byte) different += 1;
  }
  return different;
}

async function resumesOf(): Promise<number> {
  const events = await readEvents(cell.traceDirectory(machine.session));
  return events.filter(
    (event) => event.type === "machine.resumed" && (event as TraceEventOf<"machine.resumed">).connection > 0,
  ).length;
}

/** Resumes with a breakpoint at a function and types what gets there. */
async function runTo(client: NearClient, place: bigint, line: string): Promise<Got<"answer">> {
  const before = await resumesOf();
  const stopped = client.packets("vCont;c", [`Z0,${place.toString(16)},1`]);
  await vi.waitFor(async () => expect(await resumesOf()).toBe(before + 1), { timeout: 20_000 });
  screen.type(line);
  return stopped;
}

describe("a link to a real machine", () => {
  it("brings with a stop in __sys_listen what gdb asks for next, all of it true", async () => {
    const client = await open();
    const attached = await client.attach();
    expect(attached.message.stop).toMatch(/^T/);
    expect(attached.message.features["target.xml"]).toContain("x86-64");
    expect(await differences(client, attached.pages)).toBe(0);

    const place = await symbolAt("__sys_listen");
    const { message, pages } = await runTo(client, place, "replyhi\r");
    expect(message.payload).toMatch(/^T05/);
    const registers = registersOf("x86_64", message.bundle?.registers ?? "");
    expect(registers.get("rip")).toBe(place);
    const stack = registers.get("rsp") ?? 0n;
    expect(pages.has(pageOf(place))).toBe(true);
    for (let at = stack; at < (stack | 0x3fffn); at += PAGE) expect(pages.has(pageOf(at))).toBe(true);
    expect(pages.has(pageOf((await symbolAt("do_syscall_64")) + 0x10n))).toBe(true);
    expect(await differences(client, pages)).toBe(0);

    // The check finds a single wrong bit.
    const [at, bytes] = [...pages][1] ?? ["0", new Uint8Array()];
    const wrong = Uint8Array.from(bytes);
    wrong[1_234] = (wrong[1_234] ?? 0) ^ 1;
    expect(await differences(client, new Map([[at, wrong]]))).toBe(1);
  });

  it("is true after each of 30 steps, and after a write", async () => {
    const client = await open();
    await client.attach();
    const place = await symbolAt("__sys_listen");
    const { message: stop } = await runTo(client, place, "replyhi\r");
    const known = new Map<string, Uint8Array>();
    await client.packets("qC", [`z0,${place.toString(16)},1`]);
    for (let step = 0; step < 30; step += 1) {
      const stepped = await client.packets("vCont;s:1");
      expect(stepped.message.bundle?.registers).toMatch(/^[0-9a-f]+$/);
      expect(await differences(client, stepped.pages)).toBe(0);
      for (const [at, bytes] of stepped.pages) known.set(at, bytes);
    }
    const stack = registersOf("x86_64", stop.bundle?.registers ?? "").get("rsp") ?? 0n;
    const written = await client.packets(`M${(stack - 0x100n).toString(16)},4:01020304`);
    expect(written.message.payload).toBe("OK");
    expect(written.message.bundle).not.toBeNull();
    expect(await differences(client, written.pages)).toBe(0);
  });

  it("reads a mebibyte of the kernel in few rounds, and never as a page what may be a device", async () => {
    const client = await open();
    await client.attach();
    const text = await symbolAt("_stext");
    let misses = 0;
    const known = new Map<string, Uint8Array>();
    for (let at = text - (text % PAGE); at < text + 0x10_0000n; at += PAGE) {
      if (known.has(at.toString(16))) continue;
      misses += 1;
      for (const [page, bytes] of (await client.read([at])).pages) known.set(page, bytes);
    }
    // 256 pages.
    expect(misses).toBeLessThanOrEqual(14);
    expect(await differences(client, new Map([...known].slice(0, 20)))).toBe(0);
    const vmalloc = "ffffc90000000000";
    expect((await client.read([BigInt(`0x${vmalloc}`)])).message.missing).toEqual([vmalloc]);
  });

  it("records what was answered at the near side", async () => {
    const client = await open();
    await client.attach();
    await client.packets("g", [], ["m1000,8", "qfThreadInfo"]);
    const events = await readEvents(cell.traceDirectory(machine.session));
    expect(events.findLast(({ type }) => type === "gdb.noted")).toMatchObject({ packets: ["m1000,8", "qfThreadInfo"] });
    expect(events.findLast(({ type }) => type === "connection.opened")).toMatchObject({ via: "link", kind: "gdb" });
  });

  it("is opened by a ticket for gdb, and in its own protocol", async () => {
    const other = await cell.office.sign({ kind: "console", sid: machine.session });
    const console = new NearClient(urlOf(machine.session), { authorization: `Bearer ${other}` });
    expect((await console.closed).code).toBe(closeCodeFor("ticket_mismatch"));
    const raw = new WebSocket(urlOf(machine.session), { headers: await bearer() });
    const code = await new Promise((resolve) => raw.on("close", resolve));
    expect(code).toBe(closeCodeFor("bad_request"));
    expect(LINK_PROTOCOL).toBe("ringside-link.1");
  });

  it("stays open while its machine is gone, and is told so at the next attach", async () => {
    const client = await open();
    await machine.remove();
    await vi.waitFor(async () => {
      const events = await readEvents(cell.traceDirectory(machine.session));
      expect(events.map(({ type }) => type)).toContain("machine.gone");
    });
    const refused = await client.ask({ type: "attach", again: null } as never);
    expect(refused.message).toMatchObject({ type: "refused" });
    expect(client.ws.readyState).toBe(WebSocket.OPEN);
  });
});
