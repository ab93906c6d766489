import type { Arch } from "@ringside/shared";

/** Linux has its own addresses from here to the end: the upper half on x86-64, the last GiB on i386. */
export const KERNEL_START = {
  x86_64: 0xffff_8000_0000_0000n,
  i386: 0xc000_0000n,
} as const satisfies Record<Arch, bigint>;
