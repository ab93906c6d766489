import { chmod, copyFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CONSOLE_SOCKET, type Parameters, RingsideError, STUB_SOCKET } from "@ringside/shared";
import { z } from "zod";
import { ConsoleTap } from "./console-tap.ts";
import { REPLAY_CONSOLE_QUIET_MS, REPLAY_POKE_MS, REPLAY_SNAPSHOT_MS, REPLAY_STANDSTILL_MS } from "./limits.ts";
import { describeEnd, type Machine } from "./machine.ts";
import { giveTo, type MachinePlace, preparePlace } from "./machine-place.ts";
import { prewarm } from "./prewarm.ts";
import { RECORDING_FILE } from "./qemu-args.ts";
import { finishLog, type RestlessPlaces, restlessPlaces } from "./replay-log.ts";
import { emptyOverlay, REPLAY_OVERLAY_FILE } from "./replay-overlay.ts";
import type { Template } from "./template.ts";

export interface ReplayOptions {
  /** Not yet prepared; removed at the end. */
  readonly place: MachinePlace;
  /** The very template that the recorded machine was a clone of. */
  readonly template: Template;
  /** As that machine got them. */
  readonly parameters: Parameters;
  /** The recorded machine's log. */
  readonly log: string;
  readonly signal?: AbortSignal;
}

/** `ended`: the recording ends before; the machine stands at its end. */
export type Reached = "there" | "ended";

const positionSchema = z.object({ icount: z.int().min(0) });

/**
 * A recorded machine that runs again. Where it stands is told by its count of guest instructions since its start.
 * Nothing of the outside reaches the guest but what the log says and what is written over the stub: a debugger's
 * writes are not in the log, and whoever replays a machine that was written to must write the same at the same place.
 *
 * While QEMU replays, its main loop falls asleep between events of the log: it is poked as long as something runs.
 */
export class ReplayMachine implements AsyncDisposable {
  readonly #machine: Machine;
  readonly #place: MachinePlace;
  readonly #console: ConsoleTap;
  /** Where it must not stand if it shall run on. */
  readonly restless: RestlessPlaces;
  #over = false;

  private constructor(machine: Machine, place: MachinePlace, console: ConsoleTap, restless: RestlessPlaces) {
    this.restless = restless;
    this.#machine = machine;
    this.#place = place;
    this.#console = console;
    machine.qmp.onEvent(({ event }) => {
      if (event === "SHUTDOWN") this.#over = true;
    });
  }

  /**
   * Starts it, stopped before its first instruction.
   * @throws RingsideError as prewarm and load do
   */
  static async start(options: ReplayOptions): Promise<ReplayMachine> {
    const { place, template, parameters, log, signal } = options;
    const patience = signal === undefined ? {} : { signal };
    try {
      await preparePlace(place);
      await bringFiles(place, log);
      const prewarmed = await prewarm({ place, template, recording: false, replaying: true, ...patience });
      const machine = await prewarmed.load({ parameters, run: false, ...patience });
      const console = new ConsoleTap(join(place.folder, CONSOLE_SOCKET), machine.consoleStart);
      return new ReplayMachine(machine, place, console, await restlessPlaces(log));
    } catch (error) {
      await rm(place.folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** The stub's unix socket; one client at a time. */
  get stub(): string {
    return join(this.#place.folder, STUB_SOCKET);
  }

  /** True once the recording has come to its end, from which there is no way back. */
  get over(): boolean {
    return this.#over || this.#machine.gone.aborted;
  }

  /** What the guest has written to its console, one character per byte; and whether all of it was kept. */
  async console(): Promise<{ readonly text: string; readonly whole: boolean }> {
    await this.#console.quiet(REPLAY_CONSOLE_QUIET_MS);
    return { text: this.#console.text, whole: this.#console.whole };
  }

  /** Where it stands: guest instructions since the start. */
  async icount(signal?: AbortSignal): Promise<number> {
    return positionSchema.parse(await this.#machine.qmp.execute("query-replay", {}, { signal })).icount;
  }

  /** Running forward, it stops at that instruction; null: nowhere. Going backwards forgets it. */
  async breakAt(icount: number | null, signal?: AbortSignal): Promise<void> {
    const { qmp } = this.#machine;
    if (icount !== null) await qmp.execute("replay-break", { icount }, { signal });
    else await qmp.execute("replay-delete-break", {}, { signal });
  }

  /**
   * Runs forward to an instruction count. The stub tells its client of the stop.
   * @throws RingsideError `trace_damaged` where the replay stands still on the way: it has left the recording
   */
  async runTo(icount: number, signal?: AbortSignal): Promise<Reached> {
    const at = await this.icount(signal);
    if (at > icount) {
      throw new RingsideError("trace_damaged", { message: `instruction ${icount} comes after instruction ${at}` });
    }
    if (at === icount) return "there";
    if (this.over) return "ended";
    await this.breakAt(icount, signal);
    return (await this.#run(signal)) === icount ? "there" : "ended";
  }

  /**
   * Runs to the recording's end. Gives its count of instructions.
   * @throws as runTo; RingsideError `trace_damaged` where something stops it before
   */
  async runToEnd(signal?: AbortSignal): Promise<number> {
    if (this.over) return await this.icount(signal);
    await this.breakAt(null, signal);
    const at = await this.#run(signal);
    if (this.over) return at;
    throw new RingsideError("trace_damaged", { message: `the replay stops at instruction ${at}, before its end` });
  }

  /** Back to where snapshot() was called with that name. */
  async restore(name: string, signal?: AbortSignal): Promise<void> {
    await this.#monitor(`loadvm ${name}`, signal);
  }

  /** Back to a count of instructions, from the last snapshot before it. The stub tells its client of the stop. */
  async seek(icount: number, signal?: AbortSignal): Promise<void> {
    const { qmp } = this.#machine;
    await this.#untilStop(
      () => qmp.execute("replay-seek", { icount }, { signal, timeoutMs: REPLAY_SNAPSHOT_MS }),
      signal,
    );
  }

  /**
   * Keeps the machine as it stands, under a name, so that going backwards past this point comes by here. Needed
   * after each write, of which the log knows nothing.
   */
  async snapshot(name: string, signal?: AbortSignal): Promise<void> {
    await this.#monitor(`savevm ${name}`, signal);
  }

  /**
   * Pokes QEMU until it stands still of itself, `stopped` tells, or nothing has moved for REPLAY_STANDSTILL_MS.
   * @throws RingsideError `trace_damaged` for the last
   */
  async poke(stopped: () => boolean, signal?: AbortSignal): Promise<void> {
    let at = -1;
    let movedAt = performance.now();
    while (!stopped() && !this.over) {
      const now = await this.icount(signal);
      if (now !== at) movedAt = performance.now();
      else if (performance.now() - movedAt > REPLAY_STANDSTILL_MS) throw standstill(now);
      at = now;
      await sleep(REPLAY_POKE_MS, undefined, { signal });
    }
  }

  /** Ends the machine and removes its folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#console.close();
    await this.#machine.stop();
    await rm(this.#place.folder, { recursive: true, force: true });
  }

  /** What QEMU's monitor does without a word; it says only what went wrong. */
  async #monitor(command: string, signal: AbortSignal | undefined): Promise<void> {
    const patience = { signal, timeoutMs: REPLAY_SNAPSHOT_MS };
    const said = await this.#machine.qmp.execute("human-monitor-command", { "command-line": command }, patience);
    if (said === "") return;
    throw new RingsideError("internal", { message: `QEMU cannot ${command}: ${String(said).trim()}` });
  }

  /** Runs until something stops it; gives the count there. */
  async #run(signal: AbortSignal | undefined): Promise<number> {
    const { qmp } = this.#machine;
    const last = await this.icount(signal);
    return (await this.#untilStop(() => qmp.execute("cont", {}, { signal }), signal)) ?? last;
  }

  /** Has it run and waits until something stops it. Gives the count there; null where QEMU has ended itself. */
  async #untilStop(begin: () => Promise<unknown>, signal: AbortSignal | undefined): Promise<number | null> {
    let [running, stopped] = [false, false];
    const forget = this.#machine.qmp.onEvent(({ event }) => {
      if (event === "RESUME") running = true;
      if (event === "STOP" && running) stopped = true;
    });
    try {
      await begin();
      await this.poke(() => stopped, signal);
      return await this.icount(signal);
    } catch (error) {
      if (!this.#machine.gone.aborted) throw error;
      // A log without an end: QEMU gives up where it breaks off. That it dies is another matter.
      const end = await this.#machine.ended;
      if (end.kind !== "crashed" || !end.detail.startsWith("QEMU: signal")) return null;
      throw new RingsideError("internal", { message: describeEnd(end), cause: error });
    } finally {
      forget();
    }
  }
}

const standstill = (icount: number) =>
  new RingsideError("trace_damaged", {
    message:
      `the replay stands still at instruction ${icount}: it has left the recording. ` +
      "Either the log is damaged, or something was written to the machine that the trace does not tell",
  });

/**
 * QEMU opens the overlay once more when the state is loaded, and by then the folder is sealed: its user must still get
 * through it. The log is a copy: QEMU's user must be able to read it, and nobody may
 * change it under us.
 */
async function bringFiles(place: MachinePlace, log: string): Promise<void> {
  await chmod(place.folder, 0o711);
  const recording = join(place.folder, RECORDING_FILE);
  await copyFile(log, recording);
  await chmod(recording, 0o600);
  await finishLog(recording);
  await chmod(recording, 0o444);
  const overlay = join(place.folder, REPLAY_OVERLAY_FILE);
  await writeFile(overlay, emptyOverlay(), { flag: "wx", mode: 0o600 });
  await giveTo(place, overlay);
}
