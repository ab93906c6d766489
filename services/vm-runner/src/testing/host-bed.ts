import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { MachineEnd } from "@ringside/emulator";
import { newId, type Report, type StartJob, startJobSchema } from "@ringside/shared";
import type { Redis } from "ioredis";
import { pino } from "pino";
import { Copies } from "../copies.ts";
import { Hibernation } from "../hibernation.ts";
import { Leases } from "../lease.ts";
import { MachineHost } from "../machine-host.ts";
import { Metrics } from "../metrics.ts";
import { Recordings } from "../recordings.ts";
import { RunDirectory } from "../run-directory.ts";
import { SavedStates } from "../saved-states.ts";
import { Slots } from "../slots.ts";
import type { Origin, StartMachine } from "../started-machine.ts";

/** A machine without an emulator: its folders and files are real. */
interface FakeMachine {
  readonly name: string;
  readonly origin: Origin;
  readonly crash: (end: MachineEnd) => void;
  stopped: boolean;
  quit: boolean;
  nudges: number;
}

export interface HostBedOptions {
  readonly redis: Redis;
  /** Not there yet. */
  readonly folder: string;
  readonly slots?: number;
  /** Happens before a machine is up. */
  readonly before?: (job: StartJob, signal: AbortSignal, origin: Origin) => Promise<void>;
  /** Happens before a machine is saved. */
  readonly saving?: () => Promise<void>;
}

const TEMPLATE = "c".repeat(64);
const SAVED = "a saved machine";

/** A host with real Redis and real folders; only the emulator is a fake. */
export async function hostBed({ redis, folder, ...options }: HostBedOptions) {
  const log = pino({ level: "silent" });
  const prefix = `test-${randomUUID()}`;
  const directory = await RunDirectory.open(join(folder, "run"));
  const states = await SavedStates.open(join(folder, "data"));
  const recordings = await Recordings.open(join(folder, "data"));
  const leases = new Leases(redis, { prefix, cell: "one", runner: randomUUID() });
  const other = new Leases(redis, { prefix, cell: "two", runner: "another" });
  const [said, fakes, slots] = [[] as Report[], [] as FakeMachine[], new Slots(options.slots ?? 2)];
  const start: StartMachine = async (job, origin, signal) => {
    await options.before?.(job, signal, origin);
    signal.throwIfAborted();
    const name = newId("mch");
    const place = () => (shown ? directory.shownPath(name) : directory.poolPath(name));
    let shown = false;
    await mkdir(directory.poolPath(name));
    if (job.record) await writeFile(join(place(), "replay.log"), `log of ${job.session}`);
    let end: (how: MachineEnd) => void = () => undefined;
    const ended = new Promise<MachineEnd>((resolve) => {
      end = resolve;
    });
    const fake: FakeMachine = { name, origin, crash: (how) => end(how), stopped: false, quit: false, nudges: 0 };
    fakes.push(fake);
    return {
      ...{ name, pid: 1, consoleStart: "", ended, how: "clone", qemuVersion: "QEMU", arch: "x86_64" },
      template: TEMPLATE,
      resumed: Promise.resolve(),
      async show(file) {
        await directory.show(name, file);
        shown = true;
      },
      async hide() {
        if (shown) await directory.hide(name);
        shown = false;
      },
      async stop() {
        fake.stopped = true;
        end({ kind: "stopped" });
      },
      async quit() {
        fake.quit = true;
        end({ kind: "stopped" });
      },
      async save(file, runOn) {
        await options.saving?.();
        await writeFile(file, `${SAVED} ${name} ${runOn}`);
        return SAVED.length;
      },
      async nudge() {
        fake.nudges += 1;
        return true;
      },
      recordingLog: () => (job.record ? join(place(), "replay.log") : null),
      remove: () => directory.remove(name),
    };
  };
  const reports = { send: (report: Report) => void said.push(report) };
  const [metrics, pass] = [new Metrics(), () => undefined];
  const host = new MachineHost({ cell: "one", start, leases, recordings, reports, metrics, pass, log, slots, states });
  const hibernation = new Hibernation({ host, states, slots, leases, pass, log });
  return {
    ...{ host, hibernation, copies: new Copies(host, states), states, recordings, slots, directory },
    ...{ leases, other, prefix, said, fakes },
    /** Works on a job of the common queue. */
    take: (job: StartJob) => host.start(job, slots.take()),
    kinds: () => said.map(({ kind, epoch }) => `${kind} ${epoch}`),
    /** Names of all machine folders that are there. */
    folders: async () => (await directory.machineFolders()).map(({ name }) => name),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}
export type HostBed = Awaited<ReturnType<typeof hostBed>>;

/** A start job of a new session. */
export function newJob(change: Partial<StartJob> = {}): StartJob {
  return startJobSchema.parse({
    ...{ session: newId("ses"), epoch: 1, user: newId("usr"), lab: "net-listen", image: "b".repeat(64) },
    ...{ memoryMib: 64, parameters: { backlog: 5 }, notAfterMs: Date.now() + 60_000 },
    ...change,
  });
}
