import { DISK, type Disk } from "../disk.ts";

/** A real disk with faults: the process edge at which tests make it full, slow to take bytes, or broken. */
export interface FailingDisk extends Disk {
  /** Bytes that still fit; a write takes what fits, and the next fails with ENOSPC. */
  room: number;
  /** The most bytes that one write call takes. */
  writeBytesMax: number;
  /** The code with which these calls fail, where it is set. */
  failing: { sync?: string; truncate?: string; write?: string; open?: string };
}

export function failingDisk(): FailingDisk {
  const fail = (code: string | undefined) => {
    if (code !== undefined) throw Object.assign(new Error(code), { code });
  };
  const disk: FailingDisk = {
    ...DISK,
    room: Number.POSITIVE_INFINITY,
    writeBytesMax: Number.POSITIVE_INFINITY,
    failing: {},
    open: (path, flags) => {
      if (flags === "wx") fail(disk.failing.open);
      return DISK.open(path, flags);
    },
    write: (fd, bytes, offset, length, position) => {
      fail(disk.failing.write);
      if (disk.room === 0) fail("ENOSPC");
      const taken = DISK.write(fd, bytes, offset, Math.min(length, disk.room, disk.writeBytesMax), position);
      disk.room -= taken;
      return taken;
    },
    truncate: (fd, length) => {
      fail(disk.failing.truncate);
      DISK.truncate(fd, length);
    },
    sync: (fd) => {
      fail(disk.failing.sync);
      DISK.sync(fd);
    },
  };
  return disk;
}
