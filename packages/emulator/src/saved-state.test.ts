import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cloneMachine } from "./clone.ts";
import { openState, saveState } from "./saved-state.ts";
import { type Bed, openBed } from "./testing/bed.ts";

// Real QEMU: what was saved goes on as it stood.
let bed: Bed;
const states = mkdtempSync(join(tmpdir(), "rs-states-"));
const file = (name: string) => join(states, `${name}.state`);

beforeAll(async () => {
  bed = await openBed(process.env);
});

afterAll(async () => {
  await bed[Symbol.asyncDispose]();
  rmSync(states, { recursive: true, force: true });
});

test("a saved machine holds its memory, is small, and a second save of it needs no running in between", async () => {
  const { template } = bed;
  const first = await bed.clone();
  await first.console.type("shell", "# ");
  await first.console.type("word=kingfisher", "# ");
  const saved = await saveState(first.machine, first.place, { template, file: file("one"), runOn: true });
  expect(saved.bytes).toBeLessThan(1_000_000);
  expect(saved.pages).toBeGreaterThan(10);
  const again = await saveState(first.machine, first.place, { template, file: file("two"), runOn: false });
  expect(again.pages).toBe(saved.pages);

  const state = await openState(file("one"));
  expect(state.header).toMatchObject({ template: template.contents, runOn: true, memoryMib: 64 });
  const woken = await bed.clone({ state });
  expect(await woken.console.type('echo "<$word>"', "<kingfisher>")).toContain("<kingfisher>");
  // The first one was only held still.
  await first.machine.qmp.execute("cont");
  expect(await first.console.type('echo "<$word>"', "<kingfisher>")).toContain("<kingfisher>");
});

test("a machine that stands at a breakpoint is saved there, and stands there when it is woken", async () => {
  const { template, listenAddress } = bed;
  const first = await bed.clone();
  using stub = await bed.stub(first.place);
  expect(await stub.ask(`Z0,${listenAddress},1`)).toBe("OK");
  const stopped = stub.ask("c");
  first.console.write("replyhi\n");
  expect(await stopped).toMatch(/^T05/);
  const registers = await stub.ask("g");
  await saveState(first.machine, first.place, { template, file: file("break"), runOn: false });
  expect(await stub.ask("g")).toBe(registers);

  const woken = await bed.clone({ state: await openState(file("break")), run: false });
  using other = await bed.stub(woken.place);
  expect(await other.ask("g")).toBe(registers);
  expect(await other.ask("s")).toMatch(/^T05/);
  expect(await stub.ask("s")).toMatch(/^T05/);
});

test("a state that was cut, edited or is missing is refused before QEMU sees it", async () => {
  const { template } = bed;
  const { machine, place } = await bed.clone();
  await saveState(machine, place, { template, file: file("whole"), runOn: true });
  const whole = readFileSync(file("whole"));
  for (const at of [1, 60, whole.length >> 1, whole.length - 1]) {
    const edited = Buffer.from(whole);
    edited[at] = (edited[at] ?? 0) ^ 0x10;
    writeFileSync(file("edited"), edited);
    await expect(openState(file("edited"))).rejects.toMatchObject({ code: "state_damaged" });
  }
  for (const length of [0, 40, whole.length - 1]) {
    writeFileSync(file("cut"), whole.subarray(0, length));
    await expect(openState(file("cut"))).rejects.toMatchObject({ code: "state_damaged" });
  }
  await expect(openState(file("nowhere"))).rejects.toMatchObject({ code: "state_damaged" });
});

test("a state of another template is refused", async () => {
  const { template } = bed;
  const { machine, place } = await bed.clone();
  await saveState(machine, place, { template, file: file("mine"), runOn: true });
  const state = await openState(file("mine"));
  const other = { ...template, contents: "0".repeat(64) };
  const starting = cloneMachine({ place: await bed.newPlace(), template: other, parameters: {}, state, run: true });
  await expect(starting).rejects.toMatchObject({ code: "state_damaged" });
});
