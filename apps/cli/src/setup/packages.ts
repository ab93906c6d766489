import type { Context } from "../context.ts";
import { childEnvironment } from "../environment.ts";
import { CliError } from "../exit-codes.ts";
import { startProgress } from "../output/progress.ts";
import { canInstall, installPackages } from "../processes/apt.ts";
import { installLine, missingRequirements, REQUIREMENTS, type Requirement } from "./requirements.ts";

/**
 * Installs what the system lacks, where that can be done without asking.
 * @param without packages that are not needed this time
 * @param of what is needed; default: what a box needs
 * @throws CliError with the one line to run, where it cannot
 */
export async function ensurePackages(
  context: Context,
  without: readonly string[],
  of: readonly Requirement[] = REQUIREMENTS,
): Promise<void> {
  const path = context.environment.PATH;
  const missing = await missingRequirements({ path, without, of });
  if (missing.length === 0) return;
  const env = childEnvironment(context.environment);
  const list = missing.map((requirement) => `  ${requirement.package}: ${requirement.purpose}`).join("\n");
  const line = installLine(missing, context.isRoot);
  if (!(await canInstall({ isRoot: context.isRoot, env }))) {
    throw new CliError("failed", `These packages are missing:\n${list}\nInstall them and try again:\n  ${line}`);
  }
  using progress = startProgress(context, `installing ${missing.length} packages`);
  try {
    await installPackages(
      missing.map((requirement) => requirement.package),
      { isRoot: context.isRoot, env, signal: context.signal, onLine: progress.update },
    );
  } catch (cause) {
    context.signal.throwIfAborted();
    throw new CliError("failed", `${(cause as Error).message}\nInstall them by hand and try again:\n  ${line}`, {
      cause,
    });
  }
  const still = await missingRequirements({ path, without, of });
  if (still.length > 0) {
    throw new CliError("failed", `Still missing after the installation: ${still.map((one) => one.probe).join(", ")}`);
  }
  progress.done("done");
}
