/**
 * Where our own control groups are in the file system, from /proc/self/mountinfo and /proc/self/cgroup (see cgroups(7)
 * and proc(5)). A host may have version 1 (a tree for each controller), version 2 (one tree), or both at once.
 */

/** The controllers that hold a machine back, by the names of version 1. In version 2 `cpuacct` is a part of `cpu`. */
export const CONTROLLERS = ["cpu", "cpuacct", "memory", "pids"] as const;
export type Controller = (typeof CONTROLLERS)[number];

export interface OwnGroups {
  /** Our group's folder for each controller of version 1 that is mounted; some may be the same. */
  readonly v1: Readonly<Partial<Record<Controller, string>>>;
  /** Our group's folder in version 2's tree, or null. Its controllers may still be bound to version 1. */
  readonly v2: string | null;
}

interface Mount {
  readonly root: string;
  readonly at: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** mountinfo writes spaces and the like as `\040`. */
const unescapeMount = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

function mountsOf(mountinfo: string): readonly Mount[] {
  return mountinfo.split("\n").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , root, at] = before.split(" ");
    const [type = "", , options = ""] = after.split(" ");
    if (root === undefined || at === undefined || !type.startsWith("cgroup")) return [];
    return [{ root: unescapeMount(root), at: unescapeMount(at), type, options: options.split(",") }];
  });
}

/** Our group seen through the mount; undefined where the mount shows only other parts of the tree. */
function folderIn(mount: Mount, path: string): string | undefined {
  if (path.split("/").includes("..")) return undefined;
  const root = mount.root === "/" ? "" : mount.root;
  if (path !== root && !path.startsWith(`${root}/`)) return undefined;
  const folder = `${mount.at}${path.slice(root.length)}`;
  return folder.endsWith("/") ? folder.slice(0, -1) : folder;
}

/** Finds our own groups' folders. */
export function findOwnGroups(mountinfo: string, selfCgroup: string): OwnGroups {
  const mounts = mountsOf(mountinfo);
  const v1: Partial<Record<Controller, string>> = {};
  let v2: string | null = null;
  for (const line of selfCgroup.split("\n")) {
    const [id, names, ...rest] = line.split(":");
    if (id === undefined || names === undefined) continue;
    const path = rest.join(":");
    const seenIn = (fits: (mount: Mount) => boolean): string | undefined => {
      const mount = mounts.find((one) => fits(one) && folderIn(one, path) !== undefined);
      return mount && folderIn(mount, path);
    };
    if (id === "0" && names === "") v2 = seenIn((mount) => mount.type === "cgroup2") ?? null;
    for (const controller of CONTROLLERS) {
      if (!names.split(",").includes(controller)) continue;
      const folder = seenIn((mount) => mount.type === "cgroup" && mount.options.includes(controller));
      if (folder !== undefined) v1[controller] = folder;
    }
  }
  return { v1, v2 };
}
