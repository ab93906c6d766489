import { spawn } from "node:child_process";
import { access, readFile } from "node:fs/promises";
import { cacheDirectory, findImage, type Image, imagePath, loadImage } from "@ringside/image";
import { PAGE_BYTES, STEPS_AHEAD_MAX } from "@ringside/link";
import { REGISTER_LAYOUTS, registersOf } from "@ringside/rsp";
import { PROXY_PATHS } from "@ringside/shared";
import type { TraceEvent } from "@ringside/trace";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { WebSocketTransport } from "../client/ws-transport.ts";
import { TestCell } from "../testing/cell.ts";
import { TestMachineFolder } from "../testing/machine-folder.ts";
import { type Got, NearClient } from "../testing/near-client.ts";
import { type Spawned, startQemu } from "../testing/real-machine.ts";
import { Screen } from "../testing/screen.ts";
import { readEvents } from "../testing/trace-events.ts";

// Steps ahead of a debugger, on a real machine: what their log says, and the way back, against the same steps taken one
// by one.

const PAGE = BigInt(PAGE_BYTES);
const STEP = "vCont;s:1";
const KERNEL_STACK_BYTES = 0x4000n;
/** Logs that are compared; each is of STEPS_AHEAD_MAX steps at most. */
const LOGS = 12;

let image: Image;
let cell: TestCell;
let machine: TestMachineFolder;
let qemu: Spawned;
let screen: Screen;
let client: NearClient;
let name = 0;

beforeAll(async () => {
  vi.spyOn(WebSocketTransport.prototype, "roundTripMs", "get").mockReturnValue(100);
  const folder = await findImage(cacheDirectory(process.env), "linux-x86_64");
  if (folder === null) throw new Error("The course image linux-x86_64 is not built: run `ringside image build`");
  image = await loadImage(folder);
  cell = await TestCell.start(inject("redisUrl"));
  machine = await TestMachineFolder.make(cell.runDirectory);
  qemu = startQemu((command, words) => spawn(command, words, { stdio: "ignore" }), image, machine);
  await vi.waitFor(() => access(machine.stubPath), { timeout: 10_000 });
  await machine.publish({ image: image.manifest.digest, pid: qemu.pid ?? 1 });
  screen = new Screen(await cell.connect("console", machine.session));
  await screen.wait(image.manifest.prompt);
  const ticket = await cell.office.sign({ kind: "gdb", sid: machine.session });
  client = new NearClient(`${cell.urls.publicUrl}${PROXY_PATHS.link(machine.session)}`, {
    authorization: `Bearer ${ticket}`,
  });
  await client.attach();
  await runTo("__sys_listen", "replyhi\r");
}, 90_000);

afterAll(async () => {
  vi.restoreAllMocks();
  expect(client.faults).toEqual([]);
  client.ws.close();
  screen?.ws.terminate();
  qemu?.kill("SIGKILL");
  await cell?.[Symbol.asyncDispose]();
});

const events = async (): Promise<readonly TraceEvent[]> =>
  (await readEvents(cell.traceDirectory(machine.session))) as readonly TraceEvent[];

/** Resumes with a breakpoint at a function, types what gets there, and takes the breakpoint out. */
async function runTo(symbol: string, line: string): Promise<void> {
  const symbols = await readFile(imagePath(image, "symbols"), "latin1");
  const place = new RegExp(`^([0-9a-f]+) [tTdDbB] ${symbol}$`, "m").exec(symbols)?.[1] ?? "0";
  const resumes = async () => (await events()).filter(({ type }) => type === "machine.resumed").length;
  const before = await resumes();
  const stopped = client.packets("vCont;c", [`Z0,${place},1`]);
  await vi.waitFor(async () => expect(await resumes()).toBeGreaterThan(before), { timeout: 20_000 });
  screen.type(line);
  expect((await stopped).message.payload).toMatch(/^T05/);
  expect((await client.packets("qC", [`z0,${place},1`])).message.payload).toMatch(/^QC/);
}

async function ahead(payload = STEP, steps = STEPS_AHEAD_MAX): Promise<Got<"answer">> {
  name += 1;
  const asked = { type: "packets", noted: [], first: [], last: payload, ahead: { name, steps } };
  return (await client.ask(asked as never)) as Got<"answer">;
}

const back = (took: number, of = name) => client.send({ type: "back", name: of, took, noted: [] });
const answer = async (payload: string): Promise<string> => (await client.packets(payload)).message.payload;

/** The pages of the kernel stack, and those that were given. */
async function memoryOf(pages: Iterable<string>): Promise<ReadonlyMap<string, string>> {
  const memory = new Map<string, string>();
  for (const at of pages) memory.set(at, await answer(`m${at},1000`));
  return memory;
}

/** How the machine stood after each step, by the log. */
function standings({ message, pages }: Got<"answer">) {
  const log = message.ahead;
  if (log === undefined) return [];
  const memory = new Map([...pages].map(([at, bytes]) => [at, Buffer.from(bytes)]));
  const put = (address: string, hex: string) => {
    const at = BigInt(`0x${address}`);
    memory.get((at - (at % PAGE)).toString(16))?.write(hex, Number(at % PAGE), "hex");
  };
  for (const { changes } of log.steps.toReversed()) {
    for (const [address, before] of changes.toReversed()) put(address, before);
  }
  const hexes = () => new Map([...memory].map(([at, bytes]) => [at, bytes.toString("hex")]));
  let { registers } = log;
  const all = [{ stop: message.payload, registers, memory: hexes() }];
  for (const step of log.steps) {
    for (const [number, value] of step.registers) {
      const { offset = 0, bytes = 0 } = REGISTER_LAYOUTS.x86_64[number] ?? {};
      registers = registers.slice(0, 2 * offset) + value + registers.slice(2 * (offset + bytes));
    }
    for (const [address, , after] of step.changes) put(address, after);
    all.push({ stop: step.stop, registers, memory: hexes() });
  }
  return all;
}

/** A few steps ahead, wherever they are possible. */
async function some(): Promise<ReturnType<typeof standings>> {
  for (let tries = 0; tries < 20; tries += 1) {
    const steps = standings(await ahead(STEP, 5));
    if (steps.length > 2) return steps;
  }
  throw new Error("there is nothing but what cannot be stepped ahead");
}

function stackPages(registers: string): readonly string[] {
  const top = registersOf("x86_64", registers).get("rsp") ?? 0n;
  const start = top - (top % KERNEL_STACK_BYTES);
  return [0n, 1n, 2n, 3n].map((n) => (start + n * PAGE).toString(16));
}

describe("steps ahead of a debugger on a real machine", () => {
  it("follow a range, and are taken back to its end", async () => {
    const pc = registersOf("x86_64", await answer("g")).get("rip") ?? 0n;
    const range = `vCont;r${pc.toString(16)},${(pc + 1n).toString(16)}:1`;
    const steps = standings(await ahead(range, 12));
    expect(steps.length).toBeGreaterThan(1);
    back(1);
    expect(await answer("g")).toBe(steps[0]?.registers);
  });

  it("are recorded as what they are", async () => {
    const before = (await events()).length;
    const steps = await some();
    back(2);
    await answer("qC");
    const list = (await events()).slice(before);
    expect(list.filter(({ type }) => type.startsWith("machine.")).slice(-3)).toMatchObject([
      { type: "machine.resumed", action: "step" },
      { type: "machine.stopped", steps: steps.length, registers: steps.at(-1)?.registers },
      { type: "machine.rewound", steps: 2, registers: steps[1]?.registers, reply: steps[1]?.stop },
    ]);
    // Its own writes are no packets of the debugger's.
    expect(list.some((event) => event.type === "gdb.packet" && /^[MP]/.test(event.data))).toBe(false);
  });

  it("are not taken back twice, nor where there are none, nor further than they went", async () => {
    const steps = await some();
    back(1, name + 1);
    back(steps.length);
    expect(await answer("g")).toBe(steps.at(-1)?.registers);
    back(1);
    back(2);
    expect(await answer("g")).toBe(steps[0]?.registers);
    // Somebody has written, or has gone on, meanwhile.
    const written = await some();
    expect(await answer(`P0=${written.at(-1)?.registers.slice(0, 16)}`)).toBe("OK");
    back(1);
    expect(await answer("g")).toBe(written.at(-1)?.registers);
    const gone = await some();
    await answer(STEP);
    const there = await answer("g");
    back(1);
    expect(gone.map(({ registers }) => registers)).not.toContain(there);
    expect(await answer("g")).toBe(there);
  });

  it("are the ones that it would have taken, one by one, and are taken back exactly", async () => {
    let compared = 0;
    let longest = 0;
    for (let round = 0; round < LOGS; round += 1) {
      const got = await ahead();
      const steps = standings(got);
      const [first] = steps;
      if (first === undefined) continue;
      longest = Math.max(longest, steps.length);
      expect(await answer("g"), "the machine stands behind the last").toBe(steps.at(-1)?.registers);
      const places = new Set([...got.pages.keys(), ...stackPages(first.registers)]);
      const after = await memoryOf(places);
      const took = 1 + ((round * 29) % (steps.length - 1));
      back(took);
      // As the log says, and as the machine comes to by plain steps from there.
      for (let n = took; n <= steps.length; n += 1) {
        const expected = steps[n - 1];
        if (n > took) expect(await answer(STEP)).toBe(expected?.stop);
        expect(await answer("g"), `log ${round}, step ${n} of ${steps.length}, back to ${took}`).toBe(
          expected?.registers,
        );
        if (n === took || n === steps.length) {
          const there = await memoryOf(expected?.memory.keys() ?? []);
          expect(Object.fromEntries(there)).toEqual(Object.fromEntries(expected?.memory ?? []));
        }
        compared += 1;
      }
      expect(Object.fromEntries(await memoryOf(places)), "memory and stack").toEqual(Object.fromEntries(after));
    }
    expect(longest).toBeGreaterThan(32);
    expect(compared).toBeGreaterThan(150);
  }, 120_000);
});
