import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { symbolAddress } from "../../apps/cli/src/bench/place.ts";
import { StubClient } from "../../apps/cli/src/bench/stub-client.ts";
import { ConsoleClient } from "../../apps/cli/src/near/console-client.ts";
import { isAlive, processesNaming } from "../support/processes.ts";
import { atTheReady, handIn, sessionIn, startTestBox, type TestBox, until } from "../support/test-box.ts";

// A guest or its emulator ends by itself in each way that there is: the session says why, the recording is kept, nothing is left.
let box: TestBox;
const CONSOLE_MS = 20_000;
const IDT_BYTES = 4_096;
const WRITE_BYTES = 512;

beforeAll(async () => {
  box = await startTestBox(6);
});

afterAll(async () => {
  const { root } = box.temporary.folder;
  await box[Symbol.asyncDispose]();
  expect(await processesNaming(root)).toEqual([]);
});

type Ready = Awaited<ReturnType<typeof atTheReady>>;

/** Waits for the session's end, and sees that emulator and folder are gone and the recording is whole. */
async function endOf({ who, session, pid }: Ready): Promise<{ reason: string | null; message: string | null }> {
  const failed = await sessionIn(who, session.id, "failed");
  await until("the emulator to end", async () => ((await isAlive(pid)) ? undefined : true));
  const { trace } = await handIn(who, session.id);
  expect(trace.status).toBe("intact");
  expect(trace.events.map((event) => event.type)).toContain("machine.gone");
  return { reason: failed.reason, message: failed.message };
}

async function attach({ who, session }: Ready): Promise<StubClient> {
  const entry = await who.api.tcpEntry(session.id);
  return StubClient.connect({ host: entry.host, port: entry.port });
}

async function inTheShell({ who, session }: Ready, command: string): Promise<void> {
  await using console = await ConsoleClient.open(who.api, session.id, box.context.signal);
  await console.settle();
  console.send("shell\n");
  await console.expect("# ", CONSOLE_MS);
  console.send(`${command}\n`);
  await console.expect(command, CONSOLE_MS);
}

describe("a guest that ends itself", () => {
  it("by poweroff ends the session as guest_exited", async () => {
    const ready = await atTheReady(box, 0);
    await inTheShell(ready, "poweroff -f");
    expect((await endOf(ready)).reason).toBe("guest_exited");
  });

  it("by reboot does not start again", async () => {
    const ready = await atTheReady(box, 1);
    await inTheShell(ready, "reboot -f");
    expect((await endOf(ready)).reason).toBe("guest_exited");
  });

  it("by a kernel panic ends the session, and the console's last words are in the recording", async () => {
    const ready = await atTheReady(box, 2);
    using stub = await attach(ready);
    // Whoever writes the program counter can send the kernel anywhere.
    expect(await stub.ask(`P10=${littleEndian(await symbolAddress(box.image, "panic"))}`)).toBe("OK");
    await expect(stub.ask("c")).resolves.toMatch(/^W/);
    expect((await endOf(ready)).reason).toBe("guest_exited");
  });

  it("by a triple fault ends the session", async () => {
    const ready = await atTheReady(box, 3);
    using stub = await attach(ready);
    const table = Number.parseInt((await symbolAddress(box.image, "idt_table")).slice(-8), 16);
    const high = (await symbolAddress(box.image, "idt_table")).slice(0, -8);
    for (let at = 0; at < IDT_BYTES; at += WRITE_BYTES) {
      const address = high + (table + at).toString(16).padStart(8, "0");
      expect(await stub.ask(`M${address},${WRITE_BYTES.toString(16)}:${"00".repeat(WRITE_BYTES)}`)).toBe("OK");
    }
    await expect(stub.ask("c")).resolves.toMatch(/^W/);
    expect((await endOf(ready)).reason).toBe("guest_exited");
  });
});

describe("an emulator that stops answering", () => {
  it("is ended as unresponsive, and a debugger that waits is told", async () => {
    const ready = await atTheReady(box, 4);
    using stub = await attach(ready);
    const waiting = stub.ask("c").catch(() => "closed");
    process.kill(ready.pid, "SIGSTOP");
    expect((await endOf(ready)).reason).toBe("machine_unresponsive");
    expect(await waiting).toMatch(/^(W|closed)/);
  });
});

/** A 64-bit address as `P` takes it. */
function littleEndian(address: string): string {
  return Buffer.from(address.padStart(16, "0"), "hex").reverse().toString("hex");
}
