import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { GROUP_PROCESSES_MAX, JAIL_USER_ID_MIN } from "./limits.ts";
import { type MachineGroup, machineLimits } from "./machine-group.ts";
import { MachineGroups } from "./machine-groups.ts";
import { machineGuard } from "./machine-guard.ts";
import { preparePlace } from "./machine-place.ts";
import { compileNative } from "./native-program.ts";
import { processesWithArgument } from "./processes.ts";
import { FIRST_FILE_FD, QemuProcess } from "./qemu-process.ts";
import { openSealedMemory } from "./sealed-memory.ts";

// A hostile program in QEMU's place, through the real way to start a machine: testing/hostile.c.
const MEMORY_MIB = 64;
const asRoot = process.getuid?.() === 0;
const folder = mkdtempSync(join(tmpdir(), "rs-hostile-"));
const program = join(folder, "hostile");
const listeners: Server[] = [];
const running: QemuProcess[] = [];
let guard: FileHandle;
let template: FileHandle;
let groups: MachineGroups;
let port = 0;
let count = 0;

const listen = (at: { readonly port: number; readonly host: string } | { readonly path: string }): Promise<Server> => {
  const server = createServer((socket) => socket.end("secret"));
  listeners.push(server);
  return new Promise((resolve) => server.listen(at, () => resolve(server)));
};

beforeAll(async () => {
  chmodSync(folder, 0o711);
  await compileNative(fileURLToPath(new URL("testing/hostile.c", import.meta.url)), program);
  chmodSync(program, 0o755);
  writeFileSync(join(folder, "memory"), Buffer.alloc(1024 * 1024, "m"));
  template = await openSealedMemory(join(folder, "memory"), join(folder, "native"));
  guard = await machineGuard();
  groups = await MachineGroups.open({ cell: `hostile-${process.pid}` });
  const address = (await listen({ port: 0, host: "127.0.0.1" })).address();
  port = typeof address === "object" && address !== null ? address.port : 0;
  await listen({ path: `\0rs-hostile-${port}` });
  mkdirSync(join(folder, "other"), { mode: 0o755 });
  writeFileSync(join(folder, "other", "canary"), "canary", { mode: 0o644 });
});

afterAll(async () => {
  await Promise.all(running.map((one) => one.kill()));
  for (const server of listeners) server.close();
  for (const name of await groups.names()) await groups.removeByName(name);
  await groups[Symbol.asyncDispose]();
  await template.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Hostile {
  readonly name: string;
  readonly process: QemuProcess;
  readonly said: Map<string, string>;
}

/** Lets the program try what `order` says; what it says is in `said`. */
async function start(order: "reach" | "forks" | "memory", limit: MachineGroup | null = null): Promise<Hostile> {
  count += 1;
  const name = `hostile-${process.pid}-${count}`;
  const userId = asRoot ? JAIL_USER_ID_MIN + 970 + count : undefined;
  const place = { name, folder: join(folder, name), confinement: { kind: "jail" as const, userId }, group: limit };
  await preparePlace(place);
  const orders = join(place.folder, "orders");
  writeFileSync(orders, `${order} ${port} ${process.pid} ${FIRST_FILE_FD} ${join(folder, "other", "canary")}`);
  if (userId !== undefined) chownSync(orders, userId, userId);
  const machine = { arch: "x86_64" as const, memoryMib: MEMORY_MIB, mode: { kind: "probe" as const } };
  const started = new QemuProcess({ ...place, ...machine, program, files: [template.fd] }, guard);
  running.push(started);
  const said = new Map<string, string>();
  let text = "";
  started.qmp.on("error", () => undefined);
  started.qmp.on("data", (chunk: Buffer) => {
    const lines = (text + chunk.toString("latin1")).split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) said.set(line.split(": ")[0] ?? "", line.split(": ")[1] ?? "");
  });
  return { name, process: started, said };
}

const over = ({ said }: Hostile) => expect.poll(() => said.has("over"), { timeout: 20_000 }).toBe(true);

test("a program that was put in QEMU's place reaches nothing but what is its own", async () => {
  const hostile = await start("reach");
  await over(hostile);
  expect(Object.fromEntries(hostile.said)).toEqual({
    "connect to the host": "ECONNREFUSED",
    "connect to the host's abstract socket": "ECONNREFUSED",
    "read another machine's folder": "ENOENT",
    "read the password file": "ENOENT",
    "write /x": "EROFS",
    "write /dev/x": "EROFS",
    "write /dev/shm/x": "EROFS",
    "write /usr/lib/x": "EROFS",
    "write /proc/sys/kernel/hostname": "EACCES",
    "write a file of its own": "done",
    "write a large one": "EFBIG",
    "write to the template": "EPERM",
    "write to the template, opened again": "EPERM",
    "map the template to write": "EPERM",
    "make a map of the template writable": "EACCES",
    "cut the template": "EPERM",
    "punch a hole into the template": "EPERM",
    "change a copy of its own": "done",
    "processes seen": "1",
    "signal the runner": "ESRCH",
    "signal all": "ESRCH",
    "trace the runner": "ESRCH",
    "no new privileges": "1",
    "become root": "EINVAL",
    mount: "EPERM",
    "change the host's name": "EPERM",
    "higher priority": "EACCES",
    over: "",
  });
  expect((await template.read(Buffer.alloc(1), 0, 1, 0)).buffer.toString()).toBe("m");
});

const limited = (): Promise<MachineGroup> => groups.create(`hostile-${count + 1}`, machineLimits(MEMORY_MIB));
/** What stands where the host has no control groups for us. */
const where = <T>(held: T, onlyNice: T): T => (groups.kind === "nice" ? onlyNice : held);

test("a program that takes all memory dies alone, at its group's limit", async () => {
  const [hog, neighbour] = [await start("memory", await limited()), await start("reach", await limited())];
  await over(neighbour);
  const exit = await Promise.race([hog.process.exited, over(hog).then(() => hog.process.kill())]);
  expect(exit.signal).toBe("signal 9");
  expect(Number(hog.said.get("MiB taken"))).toBeLessThan(where(machineLimits(MEMORY_MIB).memoryBytes / 2 ** 20, 900));
  expect(hog.said.get("one more")).toBe(where(undefined, "ENOMEM"));
  expect(await processesWithArgument(neighbour.name)).not.toEqual([]);
});

test("a program that starts processes without end gets no more than its group's number", async () => {
  const bomb = await start("forks", await limited());
  await over(bomb);
  expect(Number(bomb.said.get("processes made"))).toBeLessThan(where(GROUP_PROCESSES_MAX, 201));
  expect(bomb.said.get("one more")).toBe(where("EAGAIN", "done"));
  await bomb.process.kill();
  expect(await processesWithArgument(bomb.name)).toEqual([]);
});
