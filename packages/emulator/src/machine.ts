import assert from "node:assert/strict";
import type { FileHandle } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { type MachineState, machineMayGo, RingsideError } from "@ringside/shared";
import { within } from "./deadline.ts";
import { HEARTBEAT_MISSES_MAX, HEARTBEAT_MS, QMP_COMMAND_TIMEOUT_MS } from "./limits.ts";
import { machineGuard } from "./machine-guard.ts";
import { type QemuExit, type QemuOptions, QemuProcess } from "./qemu-process.ts";
import { QmpClient } from "./qmp-client.ts";
import type { QmpEvent } from "./qmp-messages.ts";
import { VcpuNudge } from "./vcpu-nudge.ts";

/** Why a machine is no more. `detail` is for the operator. */
export type MachineEnd =
  | { readonly kind: "stopped" }
  /** The guest rebooted or switched itself off; QEMU then ends in good order (`-no-reboot`). */
  | { readonly kind: "guest_exited"; readonly detail: string }
  | { readonly kind: "crashed"; readonly detail: string }
  | { readonly kind: "unresponsive"; readonly detail: string };

/**
 * One QEMU and its guest, by the transitions of `MACHINE_TRANSITIONS`:
 *
 *   created → restoring | booting → running ⇄ paused → stopped | failed
 *
 * `running ⇄ paused` follows QEMU's own events, because a debugger at the stub pauses the guest as it likes.
 * A machine that leaves two heartbeats unanswered is killed. `ended` tells once how it went.
 */
export class Machine {
  readonly process: QemuProcess;
  readonly qmp: QmpClient;
  readonly ended: Promise<MachineEnd>;
  /** Has a recorded guest take what was typed at once. */
  readonly vcpu: VcpuNudge;
  /** What the guest wrote to its console before anybody could read it: one character per byte. */
  consoleStart = "";
  #state: MachineState = "created";
  #ending: "by us" | "unresponsive" | null = null;
  #shutdown: string | null = null;
  readonly #gone = new AbortController();

  constructor(options: QemuOptions, guard: FileHandle) {
    this.process = new QemuProcess(options, guard);
    this.qmp = new QmpClient(this.process.qmp);
    this.vcpu = new VcpuNudge(this.qmp);
    this.qmp.onEvent((event) => this.#follow(event));
    this.ended = this.process.exited.then((exit) => this.#finish(exit));
  }

  get state(): MachineState {
    return this.#state;
  }

  /** Aborts when QEMU is gone: whoever waits for something of it need wait no longer. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Enters the next state. Staying is nothing; anything else that the table does not allow is our own mistake. */
  enter(to: MachineState): void {
    if (to === this.#state) return;
    assert(machineMayGo(this.#state, to), `a machine cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }

  /** Asks from now on, until the end, whether QEMU still answers. */
  watch(): void {
    void this.#heartbeat();
  }

  /**
   * Asks QEMU to end in good order, as it must for a recording to be whole, and waits for that.
   * @throws RingsideError `machine_unresponsive` where it does not answer: then stop() ends it
   */
  async quit(): Promise<void> {
    this.#ending ??= "by us";
    // A QEMU that quits may be gone before its answer is.
    await this.qmp.execute("quit").catch((error) => {
      if (!(error instanceof RingsideError && error.code === "machine_gone")) throw error;
    });
    await within(this.ended, { timeoutMs: QMP_COMMAND_TIMEOUT_MS }, "the end of QEMU", "machine_unresponsive");
  }

  /** Ends the machine and waits until its process is gone. Doing so again is nothing. */
  async stop(): Promise<void> {
    this.#ending ??= "by us";
    await this.process.kill();
    await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #follow({ event, data }: QmpEvent): void {
    const { guest, reason } = data;
    if (event === "STOP" && this.#state === "running") this.enter("paused");
    else if (event === "RESUME" && this.#state === "paused") this.enter("running");
    else if (event === "SHUTDOWN") this.#shutdown = `guest: ${String(guest)}, reason: ${String(reason)}`;
  }

  async #heartbeat(): Promise<void> {
    let misses = 0;
    while (!this.gone.aborted) {
      // After a silence it is asked again at once: the deadline of the question is pause enough.
      const pauseMs = misses === 0 ? HEARTBEAT_MS : 0;
      await sleep(pauseMs, undefined, { signal: this.gone, ref: false }).catch(() => undefined);
      if (this.gone.aborted) return;
      try {
        await this.qmp.execute("query-status");
        misses = 0;
      } catch {
        misses += 1;
      }
      if (misses < HEARTBEAT_MISSES_MAX) continue;
      this.#ending ??= "unresponsive";
      await this.process.kill();
      return;
    }
  }

  #finish(exit: QemuExit): MachineEnd {
    const end = this.#verdict(exit);
    this.enter(end.kind === "stopped" ? "stopped" : "failed");
    this.#gone.abort(new RingsideError("machine_gone", { message: describeEnd(end) }));
    this.qmp.close();
    return end;
  }

  #verdict(exit: QemuExit): MachineEnd {
    if (this.#ending === "by us") return { kind: "stopped" };
    const how = exit.signal ?? (exit.code === null ? "could not be started" : `exit code ${exit.code}`);
    const stderr = exit.stderr === "" ? "nothing on stderr" : `stderr: ${exit.stderr}`;
    if (this.#ending === "unresponsive") {
      const waited = HEARTBEAT_MISSES_MAX * QMP_COMMAND_TIMEOUT_MS;
      if (this.#shutdown !== null) {
        const detail = `QEMU did not end within ${waited} ms of its guest's end (${this.#shutdown}); ${stderr}`;
        return { kind: "guest_exited", detail };
      }
      return { kind: "unresponsive", detail: `QEMU gave no answer for ${waited} ms and was killed; ${stderr}` };
    }
    if (exit.code === 0) {
      return { kind: "guest_exited", detail: `QEMU: ${how}; ${this.#shutdown ?? "no shutdown event"}; ${stderr}` };
    }
    return { kind: "crashed", detail: `QEMU: ${how}; ${stderr}` };
  }
}

/** An end in words, for logs. */
export function describeEnd(end: MachineEnd): string {
  return end.kind === "stopped" ? "the machine was stopped" : `the machine is gone (${end.kind}): ${end.detail}`;
}

/**
 * Runs `start` with a new machine and gives the machine. If it fails, the machine is ended first and the error says
 * what QEMU said.
 */
export async function startMachine(
  options: QemuOptions,
  signal: AbortSignal | undefined,
  start: (machine: Machine, signal: AbortSignal) => Promise<void>,
): Promise<Machine> {
  signal?.throwIfAborted();
  const machine = new Machine(options, await machineGuard());
  try {
    const either = AbortSignal.any([machine.gone, ...(signal === undefined ? [] : [signal])]);
    await start(machine, either);
    machine.watch();
    return machine;
  } catch (error) {
    // QEMU that gave up by itself says more on stderr than its closed connections do.
    const exit = await Promise.race([machine.ended, machine.stop().then(() => machine.ended)]);
    signal?.throwIfAborted();
    throw exit.kind === "stopped"
      ? error
      : new RingsideError("machine_gone", { message: describeEnd(exit), cause: error });
  }
}
