import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { SOCKET_PATH_BYTES_MAX } from "@ringside/shared";
import { CliError } from "../exit-codes.ts";
import { LOCK_MS, RUN_SOCKET_SUFFIX_BYTES } from "../limits.ts";
import type { Child } from "../processes/child.ts";
import { holdLock } from "../processes/lock.ts";
import { readTextOrUndefined, writePrivateFile } from "./private-file.ts";
import { ensureTicketKeys } from "./ticket-keys.ts";

/**
 * The data folder: everything that a box keeps.
 *
 *   lock                held while the box runs
 *   box.json            pid and URL of the running box
 *   keys/               ticket key pair (Ed25519) and the bootstrap administrator's token
 *   people.json         tokens of the people made at the first start
 *   postgres/ redis/    the embedded stores
 *   data/ run/          of the services: traces, machines
 *   logs/
 *
 * Root's box is traversable for others, since PostgreSQL and the machines run as other users; what is
 * private in it is so by its own mode.
 */
export interface DataFolder {
  readonly root: string;
  readonly boxFile: string;
  readonly peopleFile: string;
  readonly ticketKeyFile: string;
  readonly ticketPublicKeyFile: string;
  readonly adminTokenFile: string;
  readonly postgres: string;
  readonly redis: string;
  readonly services: string;
  readonly run: string;
  readonly logs: string;
}

/** The layout of a data folder; nothing is made yet. */
export function dataFolderAt(root: string): DataFolder {
  const at = (...names: string[]) => join(root, ...names);
  return {
    root,
    boxFile: at("box.json"),
    peopleFile: at("people.json"),
    ticketKeyFile: at("keys", "ticket.pem"),
    ticketPublicKeyFile: at("keys", "ticket.pub.pem"),
    adminTokenFile: at("keys", "admin.token"),
    postgres: at("postgres"),
    redis: at("redis"),
    services: at("data"),
    run: at("run"),
    logs: at("logs"),
  };
}

/** Bytes that a data folder's path may have, so that the machines' sockets in it can be opened. */
export const DATA_FOLDER_BYTES_MAX = SOCKET_PATH_BYTES_MAX - RUN_SOCKET_SUFFIX_BYTES;

/**
 * Makes the folder and its keys where they are missing, and locks it.
 * @returns the lock, to be held while the box runs
 * @throws CliError where another box has it, or its path is too long
 */
export async function openDataFolder(folder: DataFolder, isRoot: boolean): Promise<Child> {
  if (Buffer.byteLength(folder.root) > DATA_FOLDER_BYTES_MAX) {
    throw new CliError(
      "failed",
      `The data folder's path ${folder.root} is longer than ${DATA_FOLDER_BYTES_MAX} bytes, and unix sockets in it ` +
        "could not be opened: choose a shorter one with --data",
    );
  }
  const mode = isRoot ? 0o711 : 0o700;
  await mkdir(folder.root, { recursive: true, mode });
  await chmod(folder.root, mode);
  const lock = await holdLock(join(folder.root, "lock"), LOCK_MS);
  if (!lock) {
    const box = await readBoxFile(folder);
    const who = box ? ` (pid ${box.pid}, ${box.url})` : "";
    throw new CliError(
      "failed",
      `Another \`ringside up\` runs on ${folder.root}${who}.\n  End it first, or choose another folder with --data`,
    );
  }
  for (const path of [folder.services, folder.logs, join(folder.root, "keys")]) {
    await mkdir(path, { recursive: true, mode: 0o700 });
  }
  await mkdir(folder.run, { recursive: true, mode });
  await makeKeys(folder);
  return lock;
}

async function makeKeys(folder: DataFolder): Promise<void> {
  if ((await readTextOrUndefined(folder.adminTokenFile)) === undefined) {
    await writePrivateFile(folder.adminTokenFile, `rs_${randomBytes(32).toString("base64url")}\n`);
  }
  await ensureTicketKeys({ privateFile: folder.ticketKeyFile, publicFile: folder.ticketPublicKeyFile });
}

/** The token of the box's administrator. */
export async function readAdminToken(folder: DataFolder): Promise<string> {
  return (await readFile(folder.adminTokenFile, "utf8")).trim();
}

/** pid and URL of the box that runs, or ran, on this folder. */
async function readBoxFile(folder: DataFolder): Promise<{ pid: number; url: string } | undefined> {
  const text = await readTextOrUndefined(folder.boxFile);
  return text === undefined ? undefined : (JSON.parse(text) as { pid: number; url: string });
}
