import { readdir, readFile } from "node:fs/promises";

/** Processes whose command line names `text`. */
export async function processesNaming(
  text: string,
): Promise<readonly { readonly pid: number; readonly command: string }[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      // A process may end while we look.
      const command = await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");
      return { pid: Number(pid), command: command.replaceAll("\0", " ").trim() };
    }),
  );
  return found.filter(({ pid, command }) => pid !== process.pid && command.includes(text));
}

/** True while the process is there and not a zombie. */
export async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => undefined);
  return stat !== undefined && !/\) Z /.test(stat);
}
