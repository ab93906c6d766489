import { readdir, readFile, readlink, rm } from "node:fs/promises";
import { type Arch, RingsideError } from "@ringside/shared";
import { startMachine } from "./machine.ts";
import { type MachinePlace, preparePlace } from "./machine-place.ts";

/** The kernel's namespaces that a machine must not share with us. */
const NAMESPACES = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"] as const;
/** All that the jail's root may hold. */
const ROOT_ENTRIES = ["dev", "lib", "lib64", "machine", "proc", "usr"] as const;
/** /proc/<pid>/status of a confined QEMU: no capability, no way to gain any, a seccomp filter. */
const STATUS = { CapEff: "0000000000000000", NoNewPrivs: "1", Seccomp: "2" } as const;
const PROBE_MEMORY_MIB = 32;

async function problemsOf(pid: number, userId: number | undefined): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const name of NAMESPACES) {
    const [inside, ours] = await Promise.all([readlink(`/proc/${pid}/ns/${name}`), readlink(`/proc/self/ns/${name}`)]);
    if (inside === ours) problems.push(`it shares our ${name} namespace`);
  }
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const field = (name: string): string | undefined => new RegExp(`^${name}:\\s*(\\S+)`, "m").exec(status)?.[1];
  for (const [name, expected] of Object.entries(STATUS)) {
    if (field(name) !== expected) problems.push(`${name} is ${field(name)}`);
  }
  if (userId !== undefined && field("Uid") !== String(userId)) problems.push(`it runs as user ${field("Uid")}`);
  const entries = await readdir(`/proc/${pid}/root`);
  const foreign = entries.filter((entry) => !(ROOT_ENTRIES as readonly string[]).includes(entry));
  if (foreign.length > 0) problems.push(`it sees ${foreign.join(", ")}`);
  return problems;
}

/**
 * Starts a QEMU without a guest in the jail and looks from outside whether it is confined.
 * @param place not yet prepared, with a jail; removed afterwards
 * @throws RingsideError `internal` that says what is wrong and what can be done
 */
export async function testJail(place: MachinePlace, arch: Arch, signal?: AbortSignal): Promise<void> {
  const userId = place.confinement.kind === "jail" ? place.confinement.userId : undefined;
  try {
    await preparePlace(place);
    const qemu = { ...place, arch, memoryMib: PROBE_MEMORY_MIB, mode: { kind: "probe" as const }, files: [] };
    await using machine = await startMachine(qemu, signal, async ({ qmp }, either) => qmp.negotiate(either));
    const problems = await problemsOf(await machine.process.pid(signal), userId);
    if (problems.length > 0) throw new RingsideError("internal", { message: problems.join("; ") });
  } catch (cause) {
    signal?.throwIfAborted();
    const why = cause instanceof Error ? cause.message : String(cause);
    const hint =
      "Needed: bubblewrap, QEMU and gcc (Debian: apt install bubblewrap qemu-system-x86 gcc libc6-dev), user namespaces, " +
      `and a run directory that user ${userId ?? "we run as"} can reach, so not below a private home`;
    throw new RingsideError("internal", { message: `Machines cannot be confined: ${why}. ${hint}`, cause });
  } finally {
    await rm(place.folder, { recursive: true, force: true });
  }
}
