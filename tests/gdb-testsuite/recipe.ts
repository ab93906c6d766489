import { access, constants, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { canInstall, installPackages } from "../../apps/cli/src/processes/apt.ts";
import { runChild } from "../../apps/cli/src/processes/child.ts";
import { exists } from "../../apps/cli/src/processes/postgres-files.ts";
import { installLine, isMet, type Requirement } from "../../apps/cli/src/setup/requirements.ts";
import { FETCH_MS, PROBE_MS, UNPACK_MS } from "./limits.ts";

/** gdb's sources as Debian keeps them: the test-suite in them is run against the gdb that is installed. */
const SOURCE = {
  version: "13.1",
  pool: "pool/main/g/gdb/gdb_13.1.orig.tar.xz",
  sha256: "d861181d5fa473787ed647895ec22d6ab001bb0a2354d76537fc0d6e244f5a15",
  suite: "gdb-13.1/gdb/testsuite",
} as const;
const APT_HELPER = "/usr/lib/apt/apt-helper";

const need = (name: string, probe: string, purpose: string): Requirement => ({
  package: name,
  probe,
  purpose,
  needed: "build",
});

const REQUIREMENTS: readonly Requirement[] = [
  need("dejagnu", "runtest", "runs gdb's test-suite"),
  need("expect", "expect", "talks to gdb"),
  need("gdb", "gdb", "is what the tests drive"),
  need("gdbserver", "gdbserver", "is the stub behind the relay"),
  need("gcc", "gcc", "compiles the programs that are debugged"),
  need("g++", "g++", "compiles the programs that are debugged"),
  need("libc6-dev", "/usr/include/stdio.h", "compiles the programs that are debugged"),
  need("xz-utils", "xz", "unpacks gdb's sources"),
  need("util-linux", "setpriv", "ends children with their parent"),
];

export interface SetUp {
  readonly cacheDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly isRoot: boolean;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/**
 * Installs what the run needs of the system.
 * @throws Error with the line to run by hand, where that cannot be done without asking
 */
export async function readyPackages(setUp: SetUp): Promise<void> {
  const missing: Requirement[] = [];
  for (const one of REQUIREMENTS) if (!(await isMet(one, setUp.env.PATH ?? ""))) missing.push(one);
  if (missing.length === 0) return;
  const line = installLine(missing, setUp.isRoot);
  if (!(await canInstall(setUp))) throw new Error(`Some packages are missing. Install them and try again:\n  ${line}`);
  const names = missing.map((one) => one.package);
  setUp.say(`installing ${names.join(", ")}`);
  await installPackages(names, { ...setUp, onLine: () => undefined });
}

/**
 * gdb's test-suite: fetched through apt from the mirrors that it knows, checked by its digest, and unpacked once
 * into the cache.
 * @returns its folder
 */
export async function readySuite(setUp: SetUp): Promise<string> {
  const kept = join(setUp.cacheDir, "gdb-testsuite", SOURCE.sha256);
  const suite = join(kept, SOURCE.suite);
  if (await exists(suite)) return suite;
  await mkdir(dirname(kept), { recursive: true });
  const fresh = await mkdtemp(`${kept}.new-`);
  try {
    const archive = join(fresh, "gdb.tar.xz");
    await fetchSource(archive, setUp);
    setUp.say("unpacking gdb's test-suite");
    await run("tar", ["-xJf", archive, "-C", fresh, "--no-same-owner", SOURCE.suite], UNPACK_MS, setUp);
    await rm(archive);
    // Another run may have been quicker: then its folder serves.
    await rename(fresh, kept).catch(() => undefined);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  if (!(await exists(suite))) throw new Error(`gdb's sources have no ${SOURCE.suite}`);
  return suite;
}

async function fetchSource(archive: string, setUp: SetUp): Promise<void> {
  if (!(await exists(APT_HELPER))) throw new Error("gdb's sources are fetched with apt, which is not there");
  const listed = await run("apt-get", ["indextargets", "--format", "$(REPO_URI)"], PROBE_MS, setUp);
  const mirrors = new Set(listed.split("\n").filter((line) => /^https?:/.test(line)));
  const problems: string[] = [];
  for (const mirror of mirrors) {
    setUp.say(`fetching the sources of gdb ${SOURCE.version} from ${mirror} (24 MB, once)`);
    try {
      const url = new URL(SOURCE.pool, mirror).href;
      await run(APT_HELPER, ["download-file", url, archive, `SHA256:${SOURCE.sha256}`], FETCH_MS, setUp);
      return;
    } catch (cause) {
      setUp.signal.throwIfAborted();
      problems.push((cause as Error).message);
    }
  }
  throw new Error(`The sources of gdb ${SOURCE.version} could not be fetched:\n${problems.join("\n")}`);
}

/** Where a program is. @throws Error where it is not in PATH */
export async function programPath(name: string, path: string): Promise<string> {
  for (const folder of path.split(":").filter((one) => one.startsWith("/"))) {
    const candidate = join(folder, name);
    const there = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (there) return candidate;
  }
  throw new Error(`${name} is not in PATH`);
}

/** What a program says of its version: the first line. */
export async function versionOf(program: string, setUp: SetUp): Promise<string> {
  return (await run(program, ["--version"], PROBE_MS, setUp)).split("\n")[0] ?? "";
}

async function run(command: string, args: readonly string[], timeoutMs: number, setUp: SetUp): Promise<string> {
  const { env, signal } = setUp;
  const result = await runChild({ command, args, env, timeoutMs, signal });
  signal.throwIfAborted();
  if (result.code === 0) return result.stdout;
  const why = result.timedOut ? `took longer than ${timeoutMs / 1000} s` : `${result.stderr}${result.stdout}`.trim();
  throw new Error(`${command}: ${why.split("\n").slice(-4).join("\n")}`);
}
