import { readdir, readFile, readlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { LEFT_PROCESS_MS } from "./limits.ts";

const POLL_MS = 20;

/** Ends what a test has left running: gdb, gdbserver and the programs under them, all started in the run's folder. */
export async function endLeftProcesses(folder: string): Promise<void> {
  for (const end = Date.now() + LEFT_PROCESS_MS; Date.now() < end; await sleep(POLL_MS)) {
    const left = await processesIn(folder);
    if (left.length === 0) return;
    for (const pid of left) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
  }
}

/** Processes whose current folder or program lies in `folder`. */
export async function processesIn(folder: string): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const within = (path: string) => path === folder || path.startsWith(`${folder}/`);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const links = await Promise.all(["cwd", "exe"].map((name) => readlink(`/proc/${pid}/${name}`).catch(() => "")));
      const state = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => ") Z");
      return pid !== process.pid && links.some(within) && !/\) [ZX] /.test(state) ? [pid] : [];
    }),
  );
  return found.flat();
}
