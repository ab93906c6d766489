import { APT_TIMEOUT_MS, PROBE_TIMEOUT_MS } from "../limits.ts";
import { type RunResult, runChild } from "./child.ts";

export interface AptOptions {
  readonly isRoot: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
}

/** True where packages can be installed without asking anybody: apt-get is there, and we are root or sudo lets us. */
export async function canInstall(options: Pick<AptOptions, "isRoot" | "env">): Promise<boolean> {
  const probe = options.isRoot ? "command -v apt-get" : "command -v apt-get && sudo -n true";
  const { code } = await runChild({
    command: "sh",
    args: ["-c", probe],
    env: options.env,
    timeoutMs: PROBE_TIMEOUT_MS,
  });
  return code === 0;
}

/**
 * Installs Debian packages without questions. Daemons that a package would start stay off where the init
 * system asks the run level.
 * @throws Error with apt's last lines
 */
export async function installPackages(names: readonly string[], options: AptOptions): Promise<void> {
  await apt(["update"], options);
  await apt(["install", "--no-install-recommends", "-y", ...names], options);
}

async function apt(args: readonly string[], options: AptOptions): Promise<RunResult> {
  const settings = ["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "LC_ALL=C.UTF-8"];
  const command = ["env", ...settings, "apt-get", "-q", "-o", "Dpkg::Use-Pty=0", ...args];
  const [program = "", ...rest] = options.isRoot ? command : ["sudo", "-n", ...command];
  const result = await runChild({
    command: program,
    args: rest,
    env: options.env,
    timeoutMs: APT_TIMEOUT_MS,
    signal: options.signal,
    // dpkg, cut off in the middle, leaves packages half configured.
    endSignal: "SIGINT",
    onLine: options.onLine,
  });
  if (result.code === 0) return result;
  const tail = `${result.stdout}${result.stderr}`.trim().split("\n").slice(-8).join("\n");
  throw new Error(`apt-get ${args[0]} ${result.timedOut ? "took too long" : "failed"}:\n${tail}`);
}
