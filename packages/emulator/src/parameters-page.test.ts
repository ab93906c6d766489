import { mkdtempSync, rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { commandLineWith, findParametersPage, parametersLine, parametersPage } from "./parameters-page.ts";
import { GUEST_PAGE_BYTES } from "./state-stream.ts";

const MEMORY_BYTES = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), "rs-page-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function memoryWith(addresses: readonly number[], name: string): Promise<FileHandle> {
  const memory = await open(join(folder, name), "wx+");
  await memory.truncate(MEMORY_BYTES);
  for (const address of addresses) await memory.write(parametersPage({ port: 5001 }), 0, GUEST_PAGE_BYTES, address);
  return memory;
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

test("a kernel gets the line as one quoted word after its own", () => {
  expect(commandLineWith("console=ttyS0 quiet", { port: 5001 })).toBe(
    'console=ttyS0 quiet MENUOS_PARAMETERS="params port=5001"',
  );
});

test("the page is found where it is, in the last place too", async () => {
  for (const address of [0, 17 * GUEST_PAGE_BYTES, MEMORY_BYTES - GUEST_PAGE_BYTES]) {
    await using memory = await memoryWith([address], `one-${address}`);
    expect(findParametersPage(memory, MEMORY_BYTES)).toBe(address);
  }
});

test("a memory without the page, with two, or with one out of line is refused", async () => {
  for (const addresses of [[], [0, 4 * GUEST_PAGE_BYTES], [100]]) {
    await using memory = await memoryWith(addresses, `wrong-${addresses.length}-${addresses[0]}`);
    expect(() => findParametersPage(memory, MEMORY_BYTES)).toThrow("must have one");
  }
});
