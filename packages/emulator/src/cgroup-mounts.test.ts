import { expect, test } from "vitest";
import { findOwnGroups } from "./cgroup-mounts.ts";

const mount = (root: string, at: string, type: string, options: string): string =>
  `31 23 0:28 ${root} ${at} rw,relatime shared:9 - ${type} ${type} ${options}`;

test("version 1: each controller has its own tree, and some share one", () => {
  const mountinfo = [
    "20 1 8:1 / / rw - ext4 /dev/sda1 rw",
    mount("/", "/sys/fs/cgroup/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct"),
    mount("/", "/sys/fs/cgroup/memory", "cgroup", "rw,memory"),
    mount("/", "/sys/fs/cgroup/pids", "cgroup", "rw,pids"),
    mount("/", "/sys/fs/cgroup/unified", "cgroup2", "rw"),
  ].join("\n");
  const own = "9:name=systemd:/a\n4:memory:/user/mine\n3:cpu,cpuacct:/\n2:pids:/p:q\n0::/\n";
  expect(findOwnGroups(mountinfo, own)).toEqual({
    v1: {
      cpu: "/sys/fs/cgroup/cpu,cpuacct",
      cpuacct: "/sys/fs/cgroup/cpu,cpuacct",
      memory: "/sys/fs/cgroup/memory/user/mine",
      pids: "/sys/fs/cgroup/pids/p:q",
    },
    v2: "/sys/fs/cgroup/unified",
  });
});

test("version 2: one tree for all", () => {
  const mountinfo = mount("/", "/sys/fs/cgroup", "cgroup2", "rw,nsdelegate");
  const own = "0::/system.slice/ringside.service\n";
  expect(findOwnGroups(mountinfo, own)).toEqual({ v1: {}, v2: "/sys/fs/cgroup/system.slice/ringside.service" });
});

test("in a container the mount shows a part of the tree", () => {
  const mountinfo = mount("/docker/abc", "/sys/fs/cgroup", "cgroup2", "rw");
  expect(findOwnGroups(mountinfo, "0::/docker/abc\n").v2).toBe("/sys/fs/cgroup");
  expect(findOwnGroups(mountinfo, "0::/docker/abc/x\n").v2).toBe("/sys/fs/cgroup/x");
  expect(findOwnGroups(mountinfo, "0::/docker/abcd\n").v2).toBeNull();
});

test("a group outside of our view is not mistaken for another one", () => {
  const mountinfo = mount("/", "/sys/fs/cgroup", "cgroup2", "rw");
  expect(findOwnGroups(mountinfo, "0::/../../other\n").v2).toBeNull();
});

test("a mount point with a space in its name is read as the kernel writes it", () => {
  expect(findOwnGroups(mount("/", "/mnt/my\\040groups", "cgroup2", "rw"), "0::/a\n").v2).toBe("/mnt/my groups/a");
});

test.each(["", "nonsense", "31 23 - ", "0::", ":::::"])("of %j nothing is found", (text) => {
  expect(findOwnGroups(text, text)).toEqual({ v1: {}, v2: null });
});
