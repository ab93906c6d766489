import type { Parameters } from "@ringside/shared";
import type { TraceHeader } from "../../../trace/src/testing/trace-builder.ts";
import { INET_LISTEN, LISTEN, LISTEN_WRAPPER, Scenario } from "./scenario.ts";

/** A session as students have them, as long as wanted: for measuring, and to be graded again and again. */
export interface LongSession {
  /** Events, about. */
  readonly events: number;
  /** Which student's: another one makes other rounds. */
  readonly student: number;
}

const SOCK = 0xffff888000400f00n;
const KERNEL = { cs: 0x10n, rsp: 0xffff888000004f00n, rbp: 0xffff888000004f58n };
const hex = (value: bigint) => value.toString(16);

/**
 * Rounds of: breakpoints in, a continue, a stop, what gdb reads, steps, a look at structures, lines of the console,
 * some of it answered near gdb. The student's own backlog comes with the last round.
 */
export function longSession({ events, student }: LongSession, header: Partial<TraceHeader> = {}): Scenario {
  const scenario = new Scenario(header).attach();
  let state = student + 1;
  const draw = (below: number): number => {
    // Park and Miller's minimal standard generator.
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  scenario.type("replyhi");
  while (scenario.trace.lines.length < events) round(scenario, draw, 1_000n + BigInt(draw(1_000)));
  round(scenario, () => 2, BigInt((scenario.header.parameters as Parameters).backlog ?? 17));
  return scenario.answer("backlog", "17").detach();
}

function round(scenario: Scenario, draw: (below: number) => number, backlog: bigint): void {
  const breakpoints = [LISTEN, INET_LISTEN, LISTEN_WRAPPER].slice(0, 1 + draw(3));
  for (const address of breakpoints) scenario.breakpoint(address);
  scenario.resume().print(`round ${draw(1_000)} of a program that prints`);
  scenario.stopWith({ ...KERNEL, rip: LISTEN, rdi: 3n, rsi: backlog });
  scenario.packet("g", "00".repeat(608)).prompt();
  for (const address of breakpoints) scenario.packet(`z0,${hex(address)},1`);
  for (let line = 0; line < 1 + draw(4); line += 1) {
    scenario.read(KERNEL.rsp + BigInt(64 * line), 64, "ab".repeat(64));
  }
  for (let step = 1; step <= draw(12); step += 1) {
    scenario
      .resume("step")
      .stopWith({ ...KERNEL, rip: LISTEN + BigInt(step) }, [])
      .prompt();
  }
  scenario
    .breakpoint(INET_LISTEN)
    .resume()
    .stopWith({ ...KERNEL, rip: INET_LISTEN, rdi: SOCK, rsi: backlog })
    .prompt();
  scenario.read(SOCK + 32n, 8, "00010082ffffffff").read(0xffffffff82000160n, 8, "000f2081ffffffff");
  scenario.noted("g", `m${hex(SOCK)},80`, `m${hex(KERNEL.rsp)},40`);
  scenario.packet(`z0,${hex(INET_LISTEN)},1`);
}
