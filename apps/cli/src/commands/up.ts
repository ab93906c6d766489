import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { type Box, labsOf, startBox } from "../box/box.ts";
import { type DataFolder, dataFolderAt } from "../box/data-folder.ts";
import { freePort } from "../box/free-port.ts";
import { type People, setUpPeople } from "../box/people.ts";
import { type Context, note, print } from "../context.ts";
import { apiBounds, childEnvironment, defaultDataFolder } from "../environment.ts";
import { CliError } from "../exit-codes.ts";
import { table } from "../output/table.ts";
import { ensureEverything } from "../setup/ensure.ts";
import { cacheFolder } from "../setup/image.ts";
import { buildWantedImages } from "../setup/wanted-images.ts";
import { integer, ipAddress } from "./arguments.ts";

const PORT = 8_080;
const PROXY_PORT = 8_081;
const RUNNER_PORT = 8_082;
const POOL_MAX = 256;
/** Plain TCP entries for gdb: one port each. */
const TCP_PORTS = "20000-20999";

interface UpOptions {
  readonly data?: string;
  readonly host: string;
  readonly port: number;
  readonly proxyPort: number;
  readonly publicHost?: string;
  readonly tcpAllow?: string;
  readonly slots?: number;
  readonly pool?: number;
  readonly insecureNoJail?: boolean;
  readonly setup: boolean;
  readonly kernelSrc?: string;
}

const NO_JAIL =
  "WITHOUT A JAIL: whoever can debug a machine here, or breaks out of a guest, reaches this computer's files, network " +
  "and processes with the rights of the user who runs this. Only for trying things out by yourself; `ringside doctor` " +
  "says what the jail lacks.";

/** `ringside up`: runs the whole system on this machine until Ctrl-C. */
export function addUp(program: Command, context: Context): void {
  program
    .command("up")
    .summary("run the server on this machine")
    .description("Runs the whole system on this machine until Ctrl-C: database, queue, api, runner and proxy.")
    .option("--data <folder>", "where to keep everything (default: RINGSIDE_DATA, or the state folder of the user)")
    .option("--host <address>", "address to serve on; 0.0.0.0 for all", ipAddress, "127.0.0.1")
    .option("--port <port>", "port of the api and web page", integer(0, 65_535), PORT)
    .option("--proxy-port <port>", "port of the debugger and console connections", integer(0, 65_535), PROXY_PORT)
    .option("--public-host <name>", "the name or address by which others reach this machine (default: --host)")
    .option(
      "--tcp-allow <networks>",
      "networks that may use plain TCP for gdb, such as 10.0.0.0/8 (default: this machine)",
    )
    .option("--slots <count>", "how many machines may run at once (default: 8)", integer(1, 10_000))
    .option("--pool <count>", "how many machines wait prewarmed at most (default: 16)", integer(0, POOL_MAX))
    .option("--insecure-no-jail", "run machines without their jail, where it cannot be built: never for others' use")
    .option("--kernel-src <path>", "kernel tree or tarball to build images from")
    .option("--no-setup", "do not install packages and do not build images")
    .addHelpText(
      "after",
      "\nExamples:\n  ringside up\n  ringside up --host 0.0.0.0 --public-host lab.example.edu --data /srv/ringside",
    )
    .action((options: UpOptions) => up(context, options));
}

async function up(context: Context, options: UpOptions): Promise<void> {
  if (options.insecureNoJail) note(context, warningText(NO_JAIL, context.stderr.isTTY === true));
  const first = options.setup ? await ensureEverything(context, options.kernelSrc) : [];
  const folder = dataFolderAt(resolve(options.data ?? defaultDataFolder(context.environment, context.isRoot)));
  const port = await takePort(options.host, options.port, "--port");
  const proxyPort = await takePort(options.host, options.proxyPort, "--proxy-port");
  await mkdir(cacheFolder(context), { recursive: true });
  note(context, `starting on ${folder.root}`);
  await using box = await startBox({
    repoRoot: context.repoRoot,
    folder,
    cacheDir: cacheFolder(context),
    host: options.host,
    port,
    proxyPort,
    runnerPort: (await freePort("127.0.0.1", RUNNER_PORT)) ?? 0,
    tcpBind: options.host,
    tcpPorts: TCP_PORTS,
    tcpAllow: options.tcpAllow,
    publicHost: options.publicHost,
    slots: options.slots,
    pool: { max: options.pool },
    insecureNoJail: options.insecureNoJail,
    warmImages: first.map((image) => image.manifest.name),
    cell: "local",
    databaseUrl: context.environment.DATABASE_URL,
    redisUrl: context.environment.REDIS_URL,
    baseEnv: { ...childEnvironment(context.environment), ...apiBounds(context.environment) },
    isRoot: context.isRoot,
    signal: context.signal,
    onEvent: ({ part, what, detail }) => {
      if (what !== "stopped" || !context.json()) note(context, `${part}: ${what}${detail ? ` (${detail})` : ""}`);
    },
  });
  const people = await setUpPeople(folder, {
    url: box.url,
    adminToken: box.adminToken,
    labs: await labsOf(context.repoRoot),
    signal: context.signal,
  });
  announce(context, box, folder, people);
  const ended = new AbortController();
  const images = options.setup ? buildImages(context, options, ended.signal) : Promise.resolve();
  try {
    await untilEnd(context, box);
  } finally {
    ended.abort();
    await images;
  }
}

/** In red on a terminal. */
function warningText(text: string, inColour: boolean): string {
  return inColour ? `\u001b[1;31m${text}\u001b[0m` : text;
}

/** Says where it serves; the tokens of people that were made now are shown this once. */
function announce(context: Context, box: Box, folder: DataFolder, people: People | undefined): void {
  if (context.json()) {
    const admin = box.adminToken;
    print(context, JSON.stringify({ url: box.publicUrl, data: folder.root, admin, people: people ?? null }));
    return;
  }
  print(context, `\nRingside serves at ${box.publicUrl}\n`);
  if (people) {
    const rows = people.people.map((person) => [person.name, person.studentNumber, person.role, person.token]);
    const student = people.people.find((person) => person.role === "student");
    rows.unshift(["Administrator", "", "admin", box.adminToken]);
    print(context, table(["name", "number", "role", "token"], rows));
    print(context, `\nThe course ${people.course} is set up. This table is shown once; the tokens stay in`);
    print(context, `  ${folder.peopleFile} and ${folder.adminTokenFile}\n`);
    print(context, "A student begins, on any machine that reaches this one, with:");
    print(context, `  ringside login --url ${box.publicUrl} --token ${student?.token ?? "TOKEN"}`);
    print(context, "  ringside labs");
  } else {
    print(context, `Tokens: ${folder.peopleFile} and ${folder.adminTokenFile}`);
  }
  print(context, `Logs: ${folder.logs}    End: Ctrl-C`);
}

/** Images other than the first are built when somebody starts a lab that needs one. */
async function buildImages(context: Context, { kernelSrc }: UpOptions, ended: AbortSignal): Promise<void> {
  const signal = AbortSignal.any([context.signal, ended]);
  const say = (line: string) => note(context, line);
  try {
    await buildWantedImages({ repoRoot: context.repoRoot, cacheDir: cacheFolder(context), kernelSrc, signal, say });
  } catch (error) {
    say(`images are not built any more when labs need them: ${(error as Error).message}`);
  }
}

async function untilEnd(context: Context, box: Box): Promise<void> {
  const gaveUp = await box.supervisor.untilEnd(context.signal);
  context.onHurry(() => box.supervisor.hurry());
  note(context, gaveUp ? `${gaveUp.message}\nending everything` : "ending everything; Ctrl-C again hurries");
  await box.supervisor.stop();
  if (gaveUp) throw new CliError("failed", gaveUp.message, { cause: gaveUp });
}

/** The port asked for; 0 takes any. @throws CliError where it is taken */
async function takePort(host: string, port: number, option: string): Promise<number> {
  const free = await freePort(host, port);
  if (free !== undefined) return free;
  throw new CliError(
    "failed",
    `Port ${port} of ${host} cannot be served on (taken, or not allowed): choose another with ${option}`,
  );
}
