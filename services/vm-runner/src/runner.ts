import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { TemplateStore, testJail, within } from "@ringside/emulator";
import { connectRedis } from "@ringside/redis";
import { CELL_ANNOUNCE_MS, LEASE_RENEW_MS } from "@ringside/shared";
import type { Logger } from "pino";
import { announce, withdraw } from "./announcement.ts";
import { every } from "./every.ts";
import { startHttp } from "./http-server.ts";
import { Images } from "./images.ts";
import { Leases } from "./lease.ts";
import {
  DRAIN_MACHINES_MS,
  DRAIN_REPORTS_MS,
  DRAIN_STARTS_MS,
  REAP_MS,
  REDIS_FIRST_TIMEOUT_MS,
  STARTS_AT_ONCE_MAX,
} from "./limits.ts";
import { confinementOf, machineFactory } from "./machine-factory.ts";
import { MachineHost } from "./machine-host.ts";
import { Metrics } from "./metrics.ts";
import { reapMachines, reapTemplates } from "./reaper.ts";
import { Reports } from "./reports.ts";
import { RunDirectory } from "./run-directory.ts";
import { Slots } from "./slots.ts";
import { StartQueue } from "./start-queue.ts";
import { startStopQueue } from "./stop-queue.ts";

export interface RunnerOptions {
  readonly cell: string;
  readonly redisUrl: string;
  readonly prefix: string;
  readonly runDirectory: string;
  readonly cacheFolder: string;
  readonly slots: number;
  readonly httpPort: number;
  readonly insecureNoJail: boolean;
  readonly warmImages: readonly string[];
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

async function warm(names: readonly string[], images: Images, templates: TemplateStore, log: Logger): Promise<void> {
  for (const name of names) {
    try {
      await templates.get(await images.find(name), WARM_MEMORY_MIB);
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
  const directory = stack.use(await RunDirectory.open(options.runDirectory));
  await clear(directory, options);

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
      confinement: confinementOf(0, insecureNoJail),
    }),
  );
  const reports = stack.use(new Reports(quick, { prefix, runner: name, log }));
  const [metrics, slots] = [new Metrics(), new Slots(options.slots)];
  const leases = new Leases(quick, { prefix, cell, runner: name });
  const start = machineFactory({ directory, images, templates, insecureNoJail, log });
  const host = new MachineHost(slots, { cell, start, directory, leases, reports, metrics, log });
  metrics.observe({
    machinesIn: (state) => host.countIn(state),
    slots: () => slots,
    reportsWaiting: () => reports.waiting,
  });

  let notReady: string | null = "starting";
  const ready = (): string | null => notReady ?? (quick.status === "ready" ? null : "Redis is away");
  const http = stack.use(await startHttp({ port: options.httpPort, registry: metrics.registry, notReady: ready }));
  const complain = (what: string) => (error: unknown) => log.warn({ error }, what);
  stack.use(every(LEASE_RENEW_MS, () => host.renewLeases(), complain("leases")));
  stack.use(every(REAP_MS, () => reapAndCount(directory, host, metrics, log), complain("reaper")));
  const tell = () => announce(quick, prefix, { cell, runner: name, slots: slots.total, machines: host.count });
  const telling = stack.use(every(CELL_ANNOUNCE_MS, tell, complain("announcement")));
  const stopQueue = startStopQueue({ redis: patient, prefix, cell, log }, (job) => host.stop(job));
  stack.defer(() => stopQueue.close(true));
  const startQueue = stack.use(
    new StartQueue({ redis: patient, prefix, runner: name, slots, host, startsAtOnce: STARTS_AT_ONCE_MAX, log }),
  );
  void warm(options.warmImages, images, templates, log);
  notReady = null;

  stack.defer(async () => {
    notReady = "draining";
    log.info({ machines: host.count }, "draining");
    await telling[Symbol.asyncDispose]();
    await withdraw(quick, prefix, cell).catch(complain("announcement"));
    await within(startQueue.drain(), { timeoutMs: DRAIN_STARTS_MS }, "starts under way").catch(complain("drain"));
    await within(host.endAll("operator"), { timeoutMs: DRAIN_MACHINES_MS }, "machines' ends").catch(complain("drain"));
    if (!(await reports.flush(DRAIN_REPORTS_MS))) log.error({ waiting: reports.waiting }, "reports were not sent");
  });
  const all = stack.move();
  return { name, httpPort: http.port, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function clear(directory: RunDirectory, { insecureNoJail, log }: RunnerOptions): Promise<void> {
  const left = [await reapMachines(directory, () => false), await reapTemplates(directory)];
  if (left.some(({ folders }) => folders > 0)) log.warn({ left }, "a former runner's leftovers were removed");
  if (insecureNoJail) {
    log.warn("machines run WITHOUT a jail: their debuggers can reach this host's files");
    return;
  }
  const name = `self-test-${randomUUID()}`;
  const place = { name, folder: join(directory.templates, name), confinement: confinementOf(0, false) };
  await testJail(place, "x86_64");
}

async function reapAndCount(directory: RunDirectory, host: MachineHost, metrics: Metrics, log: Logger): Promise<void> {
  const found = await reapMachines(directory, (name) => host.has(name));
  metrics.reaped.inc({ what: "folder" }, found.folders);
  metrics.reaped.inc({ what: "process" }, found.processes);
  if (found.folders > 0) log.warn(found, "machines that nobody owned were removed");
}
