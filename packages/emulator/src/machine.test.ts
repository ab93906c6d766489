import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheDirectory, findImage, imagePath, loadImage } from "@ringside/image";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cloneMachine, TemplateFault } from "./clone.ts";
import { coldBoot } from "./cold-boot.ts";
import type { Confinement } from "./jail.ts";
import { testJail } from "./jail-self-test.ts";
import { JAIL_USER_ID_MIN } from "./limits.ts";
import type { Machine } from "./machine.ts";
import { preparePlace } from "./machine-place.ts";
import { processesWithArgument } from "./processes.ts";
import { openTemplate, type Template } from "./template.ts";
import { type TemplateImage, TemplateStore } from "./template-store.ts";

// Real QEMU, real course image, real jail.
const asRoot = process.getuid?.() === 0;
const jail = (slot: number): Confinement => ({ kind: "jail", userId: asRoot ? JAIL_USER_ID_MIN + slot : undefined });
const folder = mkdtempSync(join(tmpdir(), "rs-emu-"));
const parameters = { backlog: 17, port: 5001, payload: "hi" };
const machines: Machine[] = [];
let image: TemplateImage;
let store: TemplateStore;
let template: Template;
let count = 0;

beforeAll(async () => {
  const found = await findImage(cacheDirectory(process.env), "linux-x86_64");
  if (found === null) throw new Error("the course image linux-x86_64 is not built: run ./ringside image build");
  const loaded = await loadImage(found);
  const { digest, arch, commandLine, prompt } = loaded.manifest;
  image = {
    digest,
    arch,
    commandLine,
    prompt,
    kernel: imagePath(loaded, "kernel"),
    initrd: imagePath(loaded, "initrd"),
  };
  chmodSync(folder, 0o711);
  mkdirSync(join(folder, "t"), { mode: 0o711 });
  store = new TemplateStore({
    cacheFolder: join(folder, "cache"),
    workFolder: join(folder, "t"),
    confinement: jail(900),
  });
  template = await store.get(image, 64);
});

afterAll(async () => {
  await Promise.all(machines.map((machine) => machine.stop()));
  await store[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function place() {
  count += 1;
  const name = `test-${process.pid}-${count}`;
  const made = { name, folder: join(folder, name), confinement: jail(900 + count) };
  await preparePlace(made);
  return made;
}

async function clone(): Promise<{ machine: Machine; folder: string; name: string; console: Console }> {
  const at = await place();
  const machine = await cloneMachine({ place: at, template, parameters });
  machines.push(machine);
  return { machine, ...at, console: new Console(join(at.folder, "console.sock")) };
}

/** A console client: types, and waits for text. */
class Console {
  readonly #socket: Socket;
  #seen = "";
  constructor(path: string) {
    this.#socket = connect(path);
    this.#socket.on("error", () => undefined);
    this.#socket.on("data", (chunk: Buffer) => {
      this.#seen += chunk.toString("latin1");
    });
  }
  async type(line: string, until: string): Promise<string> {
    this.#seen = "";
    this.#socket.write(`${line}\n`);
    await expect.poll(() => this.#seen, { timeout: 10_000 }).toContain(until);
    return this.#seen;
  }
  write(text: string): void {
    this.#socket.write(text);
  }
}

test("the jail's self-test finds nothing wrong here, and something wrong with an unreachable folder", async () => {
  const name = "self-test";
  await testJail({ name, folder: join(folder, name), confinement: jail(950) }, "x86_64");
  mkdirSync(join(folder, "closed"), { mode: asRoot ? 0o700 : 0o000 });
  const closed = { name, folder: join(folder, "closed", name), confinement: jail(950) };
  await expect(testJail(closed, "x86_64")).rejects.toThrow("Machines cannot be confined");
  chmodSync(join(folder, "closed"), 0o700);
  expect(readdirSync(join(folder, "closed"))).toEqual([]);
});

test("a clone runs at its prompt, has its own parameters, and its sockets are free for others", async () => {
  const { machine, console } = await clone();
  expect(machine.state).toBe("running");
  expect(await console.type("help", "MenuOS>>")).toContain("replyhi");
  expect(readdirSync(join(folder, `test-${process.pid}-${count}`)).sort()).toEqual(["console.sock", "gdb.sock"]);
});

test("clones do not see each other's memory, and the template stays as it was", async () => {
  const [one, two] = [await clone(), await clone()];
  await one.console.type("shell", "# ");
  await one.console.type("echo mark-of-one > /tmp/mark; cat /tmp/mark", "\r\nmark-of-one");
  await two.console.type("shell", "# ");
  expect(await two.console.type("cat /tmp/mark; echo en''d", "end")).toContain("No such file");
  await expect(template.memory.write(Buffer.from("x"), 0, 1, 0)).rejects.toMatchObject({ code: "EPERM" });
});

test("a jailed machine runs as its own user, without capabilities, and its folder is not its own any more", async () => {
  const { machine, folder: path } = await clone();
  const status = readFileSync(`/proc/${await machine.process.pid()}/status`, "utf8");
  expect(status).toMatch(/^Seccomp:\s2$/m);
  expect(status).toMatch(/^CapEff:\s0+$/m);
  if (asRoot) expect(status).toMatch(new RegExp(`^Uid:\\s${JAIL_USER_ID_MIN + 900 + count}\\s`, "m"));
  expect(statSync(path).uid).toBe(process.getuid?.());
});

test("what an attacker could do through QEMU's monitor has no effect on the host", async () => {
  const { machine, folder: path } = await clone();
  const escapes = ["pmemsave 0 4096 /machine/dump", "pmemsave 0 4096 /tmp/rs-dump", "logfile /machine/log"];
  for (const line of escapes) await machine.qmp.execute("human-monitor-command", { "command-line": line });
  expect(readdirSync(path).sort()).toEqual(["console.sock", "gdb.sock"]);
  expect(readdirSync(tmpdir())).not.toContain("rs-dump");
  const exec = 'migrate "exec:touch /machine/x"';
  await machine.qmp.execute("human-monitor-command", { "command-line": exec }).catch(() => undefined);
  await expect.poll(() => machine.state, { timeout: 5_000 }).toBe("failed");
  expect(readdirSync(path)).not.toContain("x");
});

test("a guest that reboots has exited; it does not come back", async () => {
  const { machine, console, name } = await clone();
  await console.type("shell", "# ");
  console.write("reboot -f\n");
  expect(await machine.ended).toMatchObject({ kind: "guest_exited", detail: expect.stringContaining("guest-reset") });
  expect(machine.state).toBe("failed");
  expect(await processesWithArgument(name)).toEqual([]);
});

test("a QEMU that is killed has crashed, and nothing is left of it", async () => {
  const { machine, name } = await clone();
  process.kill(await machine.process.pid(), "SIGKILL");
  expect(await machine.ended).toMatchObject({ kind: "crashed" });
  expect(await processesWithArgument(name)).toEqual([]);
});

test("a jail that is killed takes QEMU along", async () => {
  const { machine, name } = await clone();
  const qemu = await machine.process.pid();
  const [bwrap] = (await processesWithArgument(name)).filter((pid) => pid !== qemu);
  process.kill(bwrap ?? 0, "SIGKILL");
  expect(await machine.ended).toMatchObject({ kind: "crashed" });
  await expect.poll(() => processesWithArgument(name)).toEqual([]);
});

test("a QEMU that does not answer any more is ended as unresponsive", async () => {
  const { machine, name } = await clone();
  process.kill(await machine.process.pid(), "SIGSTOP");
  expect(await machine.ended).toMatchObject({ kind: "unresponsive" });
  expect(await processesWithArgument(name)).toEqual([]);
});

test("a machine that is paused and continued from outside is followed", async () => {
  const { machine } = await clone();
  await machine.qmp.execute("stop");
  expect(machine.state).toBe("paused");
  await machine.qmp.execute("cont");
  expect(machine.state).toBe("running");
});

test("a start that is called off leaves no process behind", async () => {
  const at = await place();
  const abort = new AbortController();
  const starting = cloneMachine({ place: at, template, parameters, signal: abort.signal });
  setTimeout(() => abort.abort(new Error("called off")), 10);
  await expect(starting).rejects.toThrow("called off");
  await expect.poll(() => processesWithArgument(at.name)).toEqual([]);
});

test("parameters that the guest refuses fail the start with the guest's words", async () => {
  const starting = cloneMachine({ place: await place(), template, parameters: { port: 0 } });
  const error = await starting.catch((thrown: unknown) => thrown);
  expect(String(error)).toContain("port must be 1..65535");
  expect(error).not.toBeInstanceOf(TemplateFault);
});

test("a state that QEMU cannot load is the template's fault", async () => {
  const stateFile = join(folder, "not-a-state");
  writeFileSync(stateFile, "QEVM what is this");
  const starting = cloneMachine({ place: await place(), template: { ...template, stateFile }, parameters });
  await expect(starting).rejects.toBeInstanceOf(TemplateFault);
});

test("a machine boots cold without a template, with the same sockets", async () => {
  const at = await place();
  const machine = await coldBoot({ place: at, arch: image.arch, memoryMib: 64, image, parameters });
  machines.push(machine);
  expect(readdirSync(at.folder).sort()).toEqual(["console.sock", "gdb.sock"]);
  expect(await new Console(join(at.folder, "console.sock")).type("help", "MenuOS>>")).toContain("replyhi");
});

test("an image without the awaited prompt fails with the console's last words", async () => {
  const wrong = { ...image, prompt: "No such prompt>>" };
  const signal = AbortSignal.timeout(4_000);
  const booting = coldBoot({ place: await place(), arch: "x86_64", memoryMib: 64, image: wrong, parameters, signal });
  await expect(booting).rejects.toThrow();
  await expect.poll(() => processesWithArgument(`test-${process.pid}-${count}`)).toEqual([]);
});

test("a template is made once, kept on disk, and a damaged one is made anew", async () => {
  expect(await store.get(image, 64)).toBe(template);
  const options = { cacheFolder: join(folder, "cache"), workFolder: join(folder, "t"), confinement: jail(901) };
  await using other = new TemplateStore(options);
  const before = statSync(template.stateFile).ino;
  expect((await other.get(image, 64)).key).toBe(template.key);
  expect(statSync(template.stateFile).ino).toBe(before);
  rmSync(template.stateFile);
  await expect(openTemplate(template.folder, join(folder, "cache", "native"))).rejects.toThrow("damaged");
  await using third = new TemplateStore(options);
  const made = await third.get(image, 64);
  expect(made.key).toBe(template.key);
  expect(readdirSync(join(folder, "t"))).toEqual([]);
  expect(readdirSync(join(folder, "cache", "templates"))).toEqual([template.key]);
});
