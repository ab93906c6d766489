import type { GdbScript } from "./scripted-gdb.ts";

/**
 * A student's session on the listen lab, action by action. Counts of round trips depend on it: change an action and
 * the figures before are no longer comparable.
 *
 * The guest does its part when it is typed at: `replyhi` listens once, the shell's `nc` listens and connects again.
 */
export interface Action extends GdbScript {
  readonly name: string;
}

const times = (count: number, command: string): string[] => Array.from({ length: count }, () => command);

const SERVER_AGAIN = "nc -l -p 5002 </dev/null &";
const SERVER = "nc -l -p 5003 </dev/null &";
const CLIENT = "nc 127.0.0.1 5003 </dev/null";
/** Calls kill() with rising numbers of processes that there are not: one call each, nothing else in between. */
const kills = (count: number): string =>
  `i=2000; while [ $i -lt ${2_000 + count} ]; do i=$((i+1)); kill -0 $i 2>/dev/null; done`;
const MISSES = 20;
const MANY_MISSES = 1_000;

/** @param address what `target remote` is given */
export function actionsAt(address: string): readonly Action[] {
  return [
    { name: "connect", commands: [`target remote ${address}`] },
    {
      name: "break, continue, stop",
      commands: ["break sys_listen", "continue"],
      typed: [{ line: "replyhi" }],
    },
    { name: "bt", commands: ["bt"] },
    { name: "bt again", commands: ["bt"] },
    { name: "info registers", commands: ["info registers"] },
    { name: "p $rip", commands: ["p $rip"] },
    { name: "x/16gx, x/32gx $sp", commands: ["x/16gx $sp", "x/32gx $sp"] },
    { name: "x/8i $pc", commands: ["x/8i $pc"] },
    { name: "disassemble", commands: ["disassemble"] },
    { name: "info args, info locals", commands: ["info args", "info locals"] },
    { name: "info threads", commands: ["info threads"] },
    { name: "stepi x10", commands: times(10, "stepi") },
    { name: "x/i, info registers", commands: ["x/i $pc", "info registers"] },
    { name: "tbreak back, continue", commands: ["up", "tbreak *$pc", "frame 0", "continue"] },
    { name: "next x3", commands: times(3, "next") },
    { name: "p *sock", commands: ["p *sock"] },
    { name: "p *sock->sk", commands: ["p *sock->sk"] },
    {
      name: "p inet_sock ports",
      commands: [
        "p ((struct inet_sock *)sock->sk)->inet_num",
        "p ((struct inet_sock *)sock->sk)->inet_sport",
        "p/x ((struct inet_sock *)sock->sk)->inet_saddr",
      ],
    },
    {
      name: "a loop of p, x4",
      commands: [
        "set $i = 0",
        "while $i < 4",
        "p sock->state",
        "p sock->sk->__sk_common.skc_refcnt.refs.counter",
        "p sock->ops->family",
        "set $i = $i + 1",
        "end",
      ],
    },
    { name: "next x7", commands: times(7, "next") },
    {
      name: "continue to a breakpoint, bt, args",
      commands: ["break inet_listen", "continue", "bt", "info args"],
      typed: [{ line: "shell" }, { after: "# ", line: SERVER_AGAIN }],
    },
    { name: "next x10 in inet_listen", commands: times(10, "next") },
    { name: "step x5", commands: times(5, "step") },
    { name: "finish", commands: ["finish"] },
    { name: "up, down, frame", commands: ["up", "down", "frame"] },
    {
      name: "delete, continue to a breakpoint, finish",
      commands: ["delete", "break inet_bind", "continue", "finish"],
      typed: [{ line: SERVER }],
    },
    {
      name: "watch -l, continue",
      commands: ["delete", "watch -l sock->sk->__sk_common.skc_state", "continue"],
    },
    {
      name: "watch -l another, continue x2",
      commands: ["delete", "watch -l sk->sk_ack_backlog", "continue", "continue"],
      typed: [{ line: CLIENT }],
    },
    {
      name: `condition, ${MISSES} misses`,
      commands: ["delete", `break __x64_sys_kill if regs->di == ${2_001 + MISSES}`, "continue"],
      typed: [{ line: "" }, { line: kills(MISSES + 1) }],
    },
    {
      name: "write memory and a register",
      commands: [
        "set $old = regs->di",
        "set var regs->di = 7",
        "p regs->di",
        "set var regs->di = $old",
        "set $rax = $rax + 1",
        "p $rax",
        "set $rax = $rax - 1",
      ],
    },
    // In a register: gdb steps to see it change, and no softirq comes in between.
    {
      name: "software watch, some 75 steps",
      commands: ["delete", "tbreak kill_something_info", "continue", "watch pid", "tbreak kill_pid_info", "continue"],
    },
    { name: "lx-ps", commands: ["lx-ps"] },
    { name: "lx-ps again", commands: ["lx-ps"] },
    { name: "lx-dmesg", commands: ["lx-dmesg"] },
    { name: "p $lx_current().comm", commands: ["p $lx_current().comm"] },
    { name: "disconnect", commands: ["delete", "disconnect"] },
  ];
}

/** Beside the session: a condition that is missed often. Comes before `disconnect`, in the shell. */
export const manyMisses: Action = {
  name: `condition, ${MANY_MISSES} misses`,
  commands: ["delete", `break __x64_sys_kill if regs->di == ${2_001 + MANY_MISSES}`, "continue"],
  typed: [{ line: "" }, { line: kills(MANY_MISSES + 1) }],
};
