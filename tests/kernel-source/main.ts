import { mkdir, readdir, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { buildImage, cacheDirectory, type Image } from "@ringside/image";
import { localDebugFiles } from "../../apps/cli/src/api/debug-file.ts";
import { childEnvironment } from "../../apps/cli/src/environment.ts";
import { ConsoleClient } from "../../apps/cli/src/near/console-client.ts";
import { runChild } from "../../apps/cli/src/processes/child.ts";
import { attachArguments, startScriptedGdb } from "../../apps/cli/src/processes/gdb.ts";
import { repoRoot } from "../support/repo-root.ts";
import { atTheReady, handIn, startTestBox, until } from "../support/test-box.ts";

// An instructor's own kernel: built by the course's recipe, booted, debugged by real gdb, graded. README.md.
const PACKAGE = "linux-source-6.12";
const IMAGE = "linux-x86_64";
const REFERENCE = path.join(repoRoot, "course/labs/net-listen/reference.gdb");
const STEP_MS = 600_000;

const ending = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => ending.abort());

const say = (text: string) => process.stderr.write(`${text}\n`);

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options: { json: { type: "boolean" } }, allowPositionals: true });
  const cacheDir = path.join(cacheDirectory(process.env), "other-kernels");
  const source = positionals[0] ?? (await debianSource(path.join(cacheDir, PACKAGE)));
  const startedAt = performance.now();
  const image = await buildFrom(path.resolve(source), cacheDir);
  const buildSeconds = Math.round((performance.now() - startedAt) / 1_000);
  process.env.RINGSIDE_CACHE = cacheDir;
  const { stop, grade } = await doTheLab(image);
  const result = {
    source,
    kernel: image.manifest.kernelRelease,
    digest: image.manifest.digest,
    buildSeconds,
    stop,
    grade,
  };
  const text = Object.entries(result).map(([name, value]) => `${name.padEnd(13)} ${JSON.stringify(value)}`);
  process.stdout.write(`${values.json ? JSON.stringify(result, null, 2) : text.join("\n")}\n`);
  return grade.points === grade.pointsMax && grade.pointsMax > 0 ? 0 : 1;
}

/** The tarball of Debian's package, which is unpacked here and not installed. */
async function debianSource(folder: string): Promise<string> {
  const sources = path.join(folder, "usr/src");
  const tarball = async () => (await readdir(sources).catch(() => [])).find((name) => /\.tar\.[a-z0-9]+$/.test(name));
  if ((await tarball()) === undefined) {
    say(`downloading ${PACKAGE}`);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await run("apt-get", ["-q", "-o", "APT::Sandbox::User=root", "download", PACKAGE], folder);
    const deb = (await readdir(folder)).find((name) => name.endsWith(".deb"));
    if (deb === undefined) throw new Error(`apt-get left no package ${PACKAGE} in ${folder}`);
    await run("dpkg-deb", ["-x", deb, "."], folder);
    await rm(path.join(folder, deb));
  }
  const name = await tarball();
  if (name === undefined) throw new Error(`${PACKAGE} has no tarball in usr/src`);
  return path.join(sources, name);
}

async function run(command: string, args: readonly string[], cwd: string): Promise<void> {
  const env = { PATH: process.env.PATH ?? "/usr/bin:/bin" };
  const options = { ...{ command, args, cwd, env, timeoutMs: STEP_MS }, signal: ending.signal };
  const { code, stderr } = await runChild({ ...options, endSignal: "SIGTERM" });
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}:\n${stderr}`);
}

function buildFrom(kernelSrc: string, cacheDir: string): Promise<Image> {
  let said = -1;
  return buildImage({
    ...{ name: IMAGE, repoRoot, cacheDir, kernelSrc, jobs: availableParallelism(), priority: "low" },
    signal: ending.signal,
    onProgress: ({ percent, text }) => {
      if (Math.floor(percent / 5) === said) return;
      said = Math.floor(percent / 5);
      say(`${percent} %  ${text}`);
    },
  });
}

/** One student, the listen lab by its model solution. */
async function doTheLab(image: Image) {
  await using box = await startTestBox(1);
  const { who, session } = await atTheReady(box, 0);
  if (session.image !== image.manifest.digest) throw new Error(`the session runs ${session.image}`);
  const files = await localDebugFiles(box.context, image);
  const { host, port } = await who.api.tcpEntry(session.id);
  const lines: string[] = [];
  const args = [...attachArguments(files, `${host}:${port}`), "-x", REFERENCE];
  const gdb = await startScriptedGdb(args, ["quit"], childEnvironment(box.context.environment), (line) => {
    lines.push(line);
    say(line);
  });
  await until("the breakpoint", () => lines.find((line) => line.startsWith("Breakpoint 1 at")));
  await using console = await ConsoleClient.open(who.api, session.id, ending.signal);
  console.send("replyhi\n");
  const { code } = await gdb.exited;
  if (code !== 0) throw new Error(`gdb ended with ${code}`);
  const { submission } = await handIn(who, session.id);
  const { points = 0, pointsMax = 0, outcome } = submission.grade ?? {};
  return { stop: lines.find((line) => line.includes("__sys_listen (")) ?? null, grade: { points, pointsMax, outcome } };
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!ending.signal.aborted) say(error instanceof Error ? error.message : String(error));
  process.exitCode = ending.signal.aborted ? 130 : 1;
}
