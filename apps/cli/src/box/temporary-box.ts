import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context } from "../context.ts";
import { childEnvironment } from "../environment.ts";
import { CliError } from "../exit-codes.ts";
import { cacheFolder } from "../setup/image.ts";
import { borrowStores } from "./borrowed-stores.ts";
import { type Box, startBox } from "./box.ts";
import { type DataFolder, dataFolderAt } from "./data-folder.ts";
import { freePort } from "./free-port.ts";
import type { PoolOptions } from "./parts.ts";
import type { PartEvent } from "./supervisor.ts";

export interface TemporaryBoxOptions {
  readonly slots: number;
  readonly pool?: PoolOptions | undefined;
  readonly warmImages: readonly string[];
  /** See BoxOptions. */
  readonly labs?: string | undefined;
  readonly signal: AbortSignal;
  readonly onEvent: (event: PartEvent) => void;
}

export interface TemporaryBox extends AsyncDisposable {
  readonly box: Box;
  readonly folder: DataFolder;
}

/** Plain TCP entries of temporary boxes, away from those of `ringside up`. */
const TCP_PORTS = "21000-21999";
const HOST = "127.0.0.1";

/** A box on free ports of loopback, in a folder that goes with it. */
export async function startTemporaryBox(context: Context, options: TemporaryBoxOptions): Promise<TemporaryBox> {
  await using stack = new AsyncDisposableStack();
  const root = await mkdtemp(join(tmpdir(), "rs-box-"));
  stack.defer(() => rm(root, { recursive: true, force: true }));
  // PostgreSQL's and the machines' users must reach their own folders in it.
  if (context.isRoot) await chmod(root, 0o711);
  const folder = dataFolderAt(root);
  const stores = stack.use(await borrowStores(context.environment));
  const [port = 0, proxyPort = 0, runnerPort = 0] = await threeFreePorts();
  const box = stack.use(
    await startBox({
      repoRoot: context.repoRoot,
      folder,
      cacheDir: cacheFolder(context),
      host: HOST,
      port,
      proxyPort,
      runnerPort,
      tcpBind: HOST,
      tcpPorts: TCP_PORTS,
      tcpAllow: undefined,
      publicHost: undefined,
      slots: options.slots,
      pool: options.pool,
      warmImages: options.warmImages,
      labs: options.labs,
      cell: `temporary-${randomBytes(4).toString("hex")}`,
      databaseUrl: stores.databaseUrl,
      redisUrl: stores.redisUrl,
      prefix: stores.prefix,
      baseEnv: childEnvironment(context.environment),
      isRoot: context.isRoot,
      signal: options.signal,
      onEvent: options.onEvent,
    }),
  );
  const all = stack.move();
  return { box, folder, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function threeFreePorts(): Promise<number[]> {
  const ports = new Set<number>();
  for (let tries = 0; ports.size < 3 && tries < 20; tries++) {
    const port = await freePort(HOST);
    if (port !== undefined) ports.add(port);
  }
  if (ports.size < 3) throw new CliError("failed", `No free ports on ${HOST}`);
  return [...ports];
}
