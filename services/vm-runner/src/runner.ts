import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { MachineGroups, TemplateStore, testJail, within } from "@ringside/emulator";
import { connectRedis } from "@ringside/redis";
import { CELL_ANNOUNCE_MS, LEASE_RENEW_MS, machineIdSchema } from "@ringside/shared";
import type { Logger } from "pino";
import { announce, withdraw } from "./announcement.ts";
import { CellErrands } from "./cell-errands.ts";
import { startCellLink } from "./cell-link.ts";
import { cellLoad } from "./cell-load.ts";
import { startCellQueue } from "./cell-queue.ts";
import { Copies } from "./copies.ts";
import { type CrashPoint, crashAt } from "./crash-points.ts";
import { every } from "./every.ts";
import { groupName } from "./group-name.ts";
import { Hibernation } from "./hibernation.ts";
import { startHttp } from "./http-server.ts";
import { idleShare } from "./idle-share.ts";
import { Images } from "./images.ts";
import { Leases } from "./lease.ts";
import {
  DRAIN_MACHINES_MS,
  DRAIN_REPORTS_MS,
  DRAIN_STARTS_MS,
  LOAD_SAMPLE_MS,
  REAP_MS,
  RECORDING_LOOK_MS,
  REDIS_FIRST_TIMEOUT_MS,
  STARTS_AT_ONCE_MAX,
  SWEEP_MS,
} from "./limits.ts";
import { LoadMeter } from "./load-meter.ts";
import { MachineFactory } from "./machine-factory.ts";
import { MachineHost } from "./machine-host.ts";
import { Metrics } from "./metrics.ts";
import { confinementOf, Places } from "./places.ts";
import { Pool } from "./pool.ts";
import { type Reaped, reapMachines, reapTemplates } from "./reaper.ts";
import { endFullRecordings } from "./recording-watch.ts";
import { Recordings } from "./recordings.ts";
import { Reports } from "./reports.ts";
import { rescueRecording } from "./rescue.ts";
import { RunDirectory } from "./run-directory.ts";
import { SavedStates } from "./saved-states.ts";
import { Slots } from "./slots.ts";
import { StartQueue } from "./start-queue.ts";
import { sweep } from "./upkeep.ts";
import { Users } from "./users.ts";
import { type WarmMachine, warmKind } from "./warm-machine.ts";

export interface RunnerOptions {
  readonly cell: string;
  readonly redisUrl: string;
  readonly prefix: string;
  readonly runDirectory: string;
  /** Saved states and recordings; shared with the cell's proxy. */
  readonly dataDirectory: string;
  readonly cacheFolder: string;
  readonly slots: number;
  readonly pool: { readonly min: number; readonly max: number };
  readonly httpPort: number;
  readonly insecureNoJail: boolean;
  readonly warmImages: readonly string[];
  /** Where this process kills itself; for tests. */
  readonly crashAt?: CrashPoint | undefined;
  readonly log: Logger;
}

/** A running vm-runner. Disposing of it drains it: no new jobs, every machine ended and reported. */
export interface Runner extends AsyncDisposable {
  /** The random name of this process in leases. */
  readonly name: string;
  readonly httpPort: number;
}

/** Templates of images that are expected to be used; a failure only means that the first start is slow. */
const WARM_MEMORY_MIB = 64;

interface WarmOptions {
  readonly names: readonly string[];
  readonly images: Images;
  readonly templates: TemplateStore;
  readonly pool: Pool<WarmMachine>;
  readonly places: Places;
  readonly log: Logger;
}

async function warm({ names, images, templates, pool, places, log }: WarmOptions): Promise<void> {
  for (const name of names) {
    try {
      const template = await templates.get(await images.find(name), WARM_MEMORY_MIB);
      pool.want(warmKind(places, template, false));
      log.info({ image: name }, "template ready");
    } catch (error) {
      log.warn({ error, image: name }, "no template yet");
    }
  }
}

/**
 * Starts the runner of a cell: tests the jail, clears what a former runner left, then takes jobs.
 * @throws RingsideError when the jail does not hold, another runner is there, or Redis is not
 */
export async function startRunner(options: RunnerOptions): Promise<Runner> {
  const { cell, prefix, log, insecureNoJail } = options;
  await using stack = new AsyncDisposableStack();
  const name = randomUUID();
  const pass = crashAt(options.crashAt ?? null);
  const directory = stack.use(await RunDirectory.open(options.runDirectory));
  const groups = stack.use(await MachineGroups.open({ cell: groupName(cell, options.runDirectory) }));
  if (groups.warning !== null) log.warn({ limitedBy: groups.kind }, groups.warning);
  const states = await SavedStates.open(options.dataDirectory);
  const recordings = await Recordings.open(options.dataDirectory);
  const places = new Places({ directory, users: new Users(), groups, insecureNoJail, log });
  const rescue = (folder: string) => rescueRecording(folder, recordings, log);
  const reap = (isOurs: (name: string) => boolean) => reapMachines({ directory, groups, rescue, isOurs });
  const left = [await reap(() => false), await reapTemplates(directory)];
  if (left.some(isSomething)) log.warn({ left }, "a former runner's leftovers were removed");
  await mustConfine(directory, options);

  const onRedisError = (error: Error): void => log.debug({ error }, "Redis");
  const quick = connectRedis(options.redisUrl, "command", onRedisError);
  stack.defer(() => quick.disconnect());
  const patient = connectRedis(options.redisUrl, "worker", onRedisError);
  stack.defer(() => patient.disconnect());
  await within(patient.ping(), { timeoutMs: REDIS_FIRST_TIMEOUT_MS }, "Redis", "store_unavailable");

  const images = new Images(options.cacheFolder);
  const templates = stack.use(
    new TemplateStore({
      ...{ cacheFolder: options.cacheFolder, workFolder: directory.templates },
      ...{ confinement: confinementOf(0, insecureNoJail), groups },
    }),
  );
  const reports = stack.use(new Reports(quick, { prefix, runner: name, log }));
  const [metrics, slots] = [new Metrics(), new Slots(options.slots)];
  const leases = new Leases(quick, { prefix, cell, runner: name });
  const pool: Pool<WarmMachine> = stack.use(
    new Pool({ size: options.pool, busy: () => host.countIn("starting") > 0, idleShare: idleShare(), log }),
  );
  const { start } = new MachineFactory({ places, pool, images, templates, pass, log });
  const host: MachineHost = new MachineHost({
    ...{ cell, start, leases, recordings, reports, metrics, pass, log },
    ...{ slots, states },
  });
  const hibernation = new Hibernation({ host, states, slots, leases, pass, log });
  const errands = new CellErrands({ host, hibernation, copies: new Copies(host, states), recordings });
  const meter = new LoadMeter(() => places.all());
  const load = () => cellLoad({ host, pool, states, meter, metrics, groups });
  metrics.observe({ load, slots: () => slots, reportsWaiting: () => reports.waiting });

  let notReady: string | null = "starting";
  const ready = (): string | null => notReady ?? (quick.status === "ready" ? null : "Redis is away");
  const http = stack.use(await startHttp({ port: options.httpPort, registry: metrics.registry, notReady: ready }));
  const complain = (what: string) => (error: unknown) => log.warn({ error }, what);
  // What sleeps outlived its runner: the api may not know yet that it slept.
  for (const { job, bytes } of states.asleep) host.sayHibernated(job, bytes);
  stack.use(every(LEASE_RENEW_MS, () => host.renewLeases(), complain("leases")));
  // Templates that are being made have groups too, but no place.
  const isOurs = (name: string) => places.has(name) || !machineIdSchema.safeParse(name).success;
  stack.use(every(REAP_MS, async () => count(await reap(isOurs), metrics, log), complain("reaper")));
  stack.use(every(LOAD_SAMPLE_MS, () => meter.sample(), complain("measuring")));
  stack.use(every(RECORDING_LOOK_MS, () => endFullRecordings(host), complain("recordings")));
  stack.use(every(SWEEP_MS, () => sweep({ states, recordings, templates, log }), complain("sweep")));
  const tell = () =>
    announce(quick, prefix, { cell, runner: name, slots: slots.total, machines: host.count, load: load() });
  const telling = stack.use(every(CELL_ANNOUNCE_MS, tell, complain("announcement")));
  const link = stack.use(await startCellLink(directory.cellSocket, errands, log));
  const cellQueue = startCellQueue({
    ...{ redis: patient, prefix, cell, log },
    start: (job) => host.start(job, null),
    stop: (job) => host.stop(job),
  });
  stack.defer(() => cellQueue.close(true));
  const startQueue = stack.use(
    new StartQueue({ redis: patient, prefix, runner: name, slots, host, startsAtOnce: STARTS_AT_ONCE_MAX, log }),
  );
  void warm({ names: options.warmImages, images, templates, pool, places, log });
  notReady = null;

  stack.defer(async () => {
    notReady = "draining";
    log.info({ machines: host.count }, "draining");
    await telling[Symbol.asyncDispose]();
    await withdraw(quick, prefix, cell).catch(complain("announcement"));
    host.close();
    await link[Symbol.asyncDispose]();
    await within(startQueue.drain(), { timeoutMs: DRAIN_STARTS_MS }, "starts under way").catch(complain("drain"));
    await within(host.endAll("operator"), { timeoutMs: DRAIN_MACHINES_MS }, "machines' ends").catch(complain("drain"));
    if (!(await reports.flush(DRAIN_REPORTS_MS))) log.error({ waiting: reports.waiting }, "reports were not sent");
  });
  const all = stack.move();
  return { name, httpPort: http.port, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function mustConfine(directory: RunDirectory, { insecureNoJail, log }: RunnerOptions): Promise<void> {
  if (insecureNoJail) {
    log.warn("machines run WITHOUT a jail: their debuggers can reach this host's files");
    return;
  }
  const name = `self-test-${randomUUID()}`;
  const place = { name, folder: join(directory.templates, name), confinement: confinementOf(0, false), group: null };
  await testJail(place, "x86_64");
}

const isSomething = ({ folders, groups }: Reaped): boolean => folders + groups > 0;

function count(found: Reaped, metrics: Metrics, log: Logger): void {
  metrics.reaped.inc({ what: "folder" }, found.folders);
  metrics.reaped.inc({ what: "process" }, found.processes);
  metrics.reaped.inc({ what: "group" }, found.groups);
  if (isSomething(found)) log.warn(found, "machines that nobody owned were removed");
}
