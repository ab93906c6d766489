import { type LabOracle, labOracleSchema } from "@ringside/shared";

/** A small oracle of net-listen. */
export const ORACLE: LabOracle = labOracleSchema.parse({
  format: 1,
  lab: "net-listen",
  labDigest: "ab".repeat(32),
  image: { name: "linux-x86_64", digest: "cd".repeat(32), arch: "x86_64", kernelRelease: "6.1.0" },
  parameters: { backlog: 17 },
  functions: [
    {
      name: "sys_listen",
      places: [
        {
          names: ["__sys_listen", "sys_listen"],
          entry: "0xffffffff81200bc0",
          breakpoint: "0xffffffff81200bc0",
          params: [
            { name: "fd", type: "int", register: "rdi" },
            { name: "backlog", type: "int", register: null },
          ],
        },
        { names: ["__x64_sys_listen"], entry: "0xffffffff81200c30", breakpoint: null, params: [] },
      ],
    },
    { name: "gone", places: [] },
  ],
  stops: [
    {
      ...{ event: 50, t: 3252.4, cause: "breakpoint", address: "0xffffffff81200bc0", position: "breakpoint" },
      ...{ course: ["sys_listen"], names: ["__sys_listen", "sys_listen"] },
      arguments: [
        { name: "fd", register: "rdi", value: "3" },
        { name: "sk", register: null, value: String(0xffff888000400f00n) },
      ],
      ...{ calls: ["__x64_sys_listen", "do_syscall_64"], syscall: "50" },
    },
  ],
  stopsLeftOut: 7,
});
