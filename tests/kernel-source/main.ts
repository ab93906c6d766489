import { mkdir, readdir, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { buildImage, cacheDirectory, type Image } from "@ringside/image";
import { runChild } from "../../apps/cli/src/processes/child.ts";
import { runLab } from "../labs/testing/lab-run.ts";
import { repoRoot } from "../support/repo-root.ts";
import { startTestBox } from "../support/test-box.ts";

// An instructor's own kernel: built by the course's recipe, booted, debugged by real gdb, graded. README.md.
const PACKAGE = "linux-source-6.12";
const IMAGE = "linux-x86_64";
const LAB = "net-listen";
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

/** One student, the listen lab by its model solution: boots the kernel, and has real gdb stop it in listen. */
async function doTheLab(image: Image) {
  await using box = await startTestBox(1);
  const { session, output, grade } = await runLab(box, { lab: LAB });
  say(output);
  if (session.image !== image.manifest.digest) throw new Error(`the session ran ${session.image}`);
  const { points, pointsMax, outcome } = grade;
  const stop = output.split("\n").find((line) => line.includes("__sys_listen ("));
  return { stop: stop ?? null, grade: { points, pointsMax, outcome } };
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!ending.signal.aborted) say(error instanceof Error ? error.message : String(error));
  process.exitCode = ending.signal.aborted ? 130 : 1;
}
