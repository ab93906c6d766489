import { labOracleSchema } from "@ringside/shared";
import type { TraceEvent } from "@ringside/trace";
import { expect, it } from "vitest";
import { labOracle } from "./oracle.ts";
import { parseRubricFile } from "./parse-rubric.ts";
import { FUNCTIONS, INET_LISTEN, PROGRAM, Scenario, STRUCTURES, SYMBOLS } from "./testing/scenario.ts";

const DIGEST = "ab".repeat(32);
const rubric = parseRubricFile(
  "rubric.yaml",
  `functions:
  - { function: way_in, aliases: [entry_SYSCALL_64, no_such_entry] }
checks:
  - id: stopped
    title: { en: Stop, zh: 停 }
    points: 10
    when: { all_of: [{ stopped_at: { function: sys_listen, via: way_in } }, { breakpoint_on: $handler }] }
    partial: [{ points: 5, when: { stopped_at: { function: inet_listen } } }]
`,
);

const oracleOf = (events: readonly TraceEvent[]) =>
  labOracle({
    ...{ lab: "net-listen", labDigest: DIGEST, rubric, events, symbols: SYMBOLS, functions: FUNCTIONS },
    image: { name: "linux-x86_64", digest: DIGEST, arch: "x86_64", kernelRelease: "6.1.0" },
    parameters: { backlog: 17, handler: "tcp_rcv" },
    ...{ structures: STRUCTURES, program: PROGRAM },
  });

async function eventsOf(scenario: Scenario): Promise<readonly TraceEvent[]> {
  const { trace } = await scenario.input(rubric);
  return trace.events;
}

it("an oracle tells what the rubric's functions are in the image, and which registers hold their arguments", async () => {
  const { functions } = labOracleSchema.parse(oracleOf(await eventsOf(new Scenario())));
  const places = Object.fromEntries(functions.map(({ name, places: found }) => [name, found]));
  expect(Object.keys(places)).toEqual(["sys_listen", "way_in", "tcp_rcv", "inet_listen"]);
  expect(places.sys_listen?.map(({ names, entry }) => [entry, ...names])).toEqual([
    ["0xffffffff81200bc0", "__sys_listen", "sys_listen"],
    ["0xffffffff81200c30", "__x64_sys_listen"],
    ["0xffffffff81200c50", "__ia32_sys_listen"],
  ]);
  expect(places.sys_listen?.[0]).toMatchObject({
    breakpoint: "0xffffffff81200bc0",
    params: [
      { name: "fd", type: "int", register: "rdi" },
      { name: "backlog", type: "int", register: "rsi" },
    ],
  });
  expect(places.way_in).toMatchObject([{ names: ["entry_SYSCALL_64"], breakpoint: null, params: [] }]);
  expect(places.tcp_rcv).toMatchObject([{ names: ["tcp_rcv.isra.0"] }]);
});

it("an oracle tells each stop with its arguments and its chain of calls, of the program too", async () => {
  const scenario = new Scenario().attach().resume().stop();
  scenario.resume().stop({ pc: INET_LISTEN, frames: ["ffffffff81200bd0", "401105", "7"] });
  const { stops, stopsLeftOut } = labOracleSchema.parse(oracleOf(await eventsOf(scenario)));
  expect(stopsLeftOut).toBe(0);
  expect(stops).toMatchObject([
    {
      ...{ course: ["sys_listen"], position: "breakpoint", address: "0xffffffff81200bc0" },
      arguments: [
        { name: "fd", register: "rdi", value: "3" },
        { name: "backlog", register: "rsi", value: "17" },
      ],
      calls: ["__x64_sys_listen", "x64_sys_call", "do_syscall_64", "entry_SYSCALL_64_after_hwframe"],
    },
    { course: ["inet_listen"], calls: ["__sys_listen", "listen", "0x7"] },
  ]);
});

it("the same recording gives the same oracle", async () => {
  const events = await eventsOf(new Scenario().attach().resume().stop());
  expect(JSON.stringify(oracleOf(events))).toBe(JSON.stringify(oracleOf(events)));
});
