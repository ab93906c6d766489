import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cloneMachine } from "./clone.ts";
import { coldBoot } from "./cold-boot.ts";
import { testJail } from "./jail-self-test.ts";
import { TemplateFault } from "./prewarm.ts";
import { processesWithArgument } from "./processes.ts";
import { openTemplate } from "./template.ts";
import { TemplateStore } from "./template-store.ts";
import { type Bed, Console, openBed, PARAMETERS, testJailOf } from "./testing/bed.ts";

// Real QEMU, real course image, real jail.
const asRoot = process.getuid?.() === 0;
const parameters = PARAMETERS;
const jail = testJailOf;
let bed: Bed;

beforeAll(async () => {
  bed = await openBed(process.env);
});

afterAll(async () => {
  await bed[Symbol.asyncDispose]();
});

async function clone() {
  const { machine, place, console } = await bed.clone();
  return { machine, ...place, console };
}

test("the jail's self-test finds nothing wrong here, and something wrong with an unreachable folder", async () => {
  const name = "self-test";
  await testJail({ name, folder: join(bed.folder, name), confinement: jail(50), group: null }, "x86_64");
  mkdirSync(join(bed.folder, "closed"), { mode: asRoot ? 0o700 : 0o000 });
  const closed = { name, folder: join(bed.folder, "closed", name), confinement: jail(50), group: null };
  await expect(testJail(closed, "x86_64")).rejects.toThrow("Machines cannot be confined");
  chmodSync(join(bed.folder, "closed"), 0o700);
  expect(readdirSync(join(bed.folder, "closed"))).toEqual([]);
});

test("a clone runs at its prompt, has its own parameters, and its sockets are free for others", async () => {
  const { machine, console, folder: path } = await clone();
  expect(machine.state).toBe("running");
  expect(await console.type("help", "MenuOS>>")).toContain("replyhi");
  expect(readdirSync(path).sort()).toEqual(["console.sock", "gdb.sock"]);
});

test("clones do not see each other's memory, and the template stays as it was", async () => {
  const [one, two] = [await clone(), await clone()];
  await one.console.type("shell", "# ");
  await one.console.type("echo mark-of-one > /tmp/mark; cat /tmp/mark", "\r\nmark-of-one");
  await two.console.type("shell", "# ");
  expect(await two.console.type("cat /tmp/mark; echo en''d", "end")).toContain("No such file");
  await expect(bed.template.memory.write(Buffer.from("x"), 0, 1, 0)).rejects.toMatchObject({ code: "EPERM" });
});

test("a jailed machine runs as its own user, without capabilities, and its folder is not its own any more", async () => {
  const { machine, place } = await bed.clone();
  const status = readFileSync(`/proc/${await machine.process.pid()}/status`, "utf8");
  expect(status).toMatch(/^Seccomp:\s2$/m);
  expect(status).toMatch(/^CapEff:\s0+$/m);
  const { confinement } = place;
  const userId = confinement.kind === "jail" ? confinement.userId : undefined;
  if (asRoot) expect(status).toMatch(new RegExp(`^Uid:\\s${userId}\\s`, "m"));
  expect(statSync(place.folder).uid).toBe(process.getuid?.());
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
  const at = await bed.newPlace();
  const abort = new AbortController();
  const starting = cloneMachine({ place: at, template: bed.template, parameters, run: true, signal: abort.signal });
  setTimeout(() => abort.abort(new Error("called off")), 10);
  await expect(starting).rejects.toThrow("called off");
  await expect.poll(() => processesWithArgument(at.name)).toEqual([]);
});

test("parameters that the guest could not hold are refused before it starts", async () => {
  const long = Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`parameter_${n}`, "x".repeat(32)]));
  const starting = cloneMachine({ place: await bed.newPlace(), template: bed.template, parameters: long, run: true });
  await expect(starting).rejects.toMatchObject({ code: "bad_request" });
});

test("a state that QEMU cannot load is the template's fault", async () => {
  const tail = Buffer.from("what is this");
  const broken = { ...bed.template, stream: { ...bed.template.stream, tail } };
  const starting = cloneMachine({ place: await bed.newPlace(), template: broken, parameters, run: true });
  await expect(starting).rejects.toBeInstanceOf(TemplateFault);
});

test("a machine boots cold without a template, with the same sockets", async () => {
  const at = await bed.newPlace();
  await using machine = await coldBoot({
    place: at,
    arch: bed.image.arch,
    memoryMib: 64,
    image: bed.image,
    parameters,
    start: "prompt",
  });
  expect(readdirSync(at.folder).sort()).toEqual(["console.sock", "gdb.sock"]);
  using console = new Console(join(at.folder, "console.sock"));
  expect(machine.state).toBe("running");
  expect(await console.type("help", "MenuOS>>")).toContain("replyhi");
});

test("a machine that starts at power-on has not taken a step, and boots to its prompt once it may run", async () => {
  const at = await bed.newPlace();
  const { image } = bed;
  await using machine = await coldBoot({
    ...{ place: at, arch: image.arch, memoryMib: 64, image, parameters },
    start: "power_on",
  });
  expect(readdirSync(at.folder).sort()).toEqual(["console.sock", "gdb.sock"]);
  expect(machine.state).toBe("paused");
  expect(machine.consoleStart).toBe("");
  expect(await machine.qmp.execute("query-status")).toMatchObject({ running: false, status: "prelaunch" });
  using console = new Console(join(at.folder, "console.sock"));
  await machine.qmp.execute("cont");
  await console.shows(image.prompt);
  expect(machine.state).toBe("running");
});

test("an image without the awaited prompt fails with the console's last words", async () => {
  const wrong = { ...bed.image, prompt: "No such prompt>>" };
  const signal = AbortSignal.timeout(4_000);
  const at = await bed.newPlace();
  const wanted = { place: at, arch: "x86_64", memoryMib: 64, image: wrong, parameters } as const;
  const booting = coldBoot({ ...wanted, start: "prompt", signal });
  await expect(booting).rejects.toThrow();
  await expect.poll(() => processesWithArgument(at.name)).toEqual([]);
});

test("a template is made once, kept on disk, and a damaged one is made anew", async () => {
  const { store, image, template } = bed;
  expect(await store.get(image, 64)).toBe(template);
  const options = { ...bed.storeOptions, confinement: jail(51) };
  await using other = new TemplateStore(options);
  const before = statSync(template.stateFile).ino;
  expect((await other.get(image, 64)).key).toBe(template.key);
  expect(statSync(template.stateFile).ino).toBe(before);
  rmSync(template.stateFile);
  await expect(openTemplate(template.folder, join(bed.folder, "cache", "native"))).rejects.toThrow("damaged");
  await using third = new TemplateStore(options);
  const made = await third.get(image, 64);
  expect(made.key).toBe(template.key);
  expect(readdirSync(join(bed.folder, "t"))).toEqual([]);
  const templates = readdirSync(join(bed.folder, "cache", "templates")).filter((name) => !name.startsWith("."));
  expect(templates).toEqual([template.key]);
});
