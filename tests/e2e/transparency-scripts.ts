import type { GdbScript } from "../../apps/cli/src/bench/link/scripted-gdb.ts";
import { looking } from "./transparency-looking.ts";
import { watching } from "./transparency-watching.ts";

/**
 * What a student types into gdb, as scripts whose text must be the same on every way to a stub. The scripts of a group
 * run one after another on one machine. Left out, because Ringside answers otherwise by intent: `monitor` (its own
 * commands in place of QEMU's), `kill` (the machine outlives its debugger) and the packet sizes of `show remote`.
 */
export interface Script extends GdbScript {
  readonly name: string;
}

export interface Group {
  readonly name: string;
  readonly scripts: readonly Script[];
}

/** What the commands need to know. */
export interface Surroundings {
  /** Programs of the guest with symbols. */
  readonly menuos: string;
  /** For files that gdb writes. */
  readonly folder: string;
  /** The kernel's gdb scripts. */
  readonly kernelScripts: string;
}

const kills = "for i in 2001 2002 2003 2004 2005 2006; do kill -0 $i 2>/dev/null; done";
const ctrlC =
  "python import os, signal, threading; threading.Timer(0.7, lambda: os.kill(os.getpid(), signal.SIGINT)).start()";

/** Stepping, and all kinds of breakpoints, on the way from listen down and back to the user. */
const running: Group = {
  name: "running on from listen",
  scripts: [
    {
      name: "tbreak, hbreak, thbreak",
      commands: ["tbreak sys_listen", "hbreak inet_listen", "thbreak __sys_bind", "info breakpoints", "continue"],
      typed: [{ line: "replyhi" }],
    },
    { name: "on to the next of them", commands: ["continue", "continue", "bt 3", "info breakpoints", "delete"] },
    { name: "stepi, nexti", commands: ["stepi", "stepi 3", "nexti", "nexti 2", "x/i $pc", "info registers rip"] },
    {
      name: "display",
      commands: ["display/i $pc", "display backlog", "stepi", "info display", "undisplay 1", "stepi"],
    },
    { name: "until, advance", commands: ["undisplay", "until", "advance inet_csk_listen_start", "bt 2", "info args"] },
    {
      name: "set var in memory and back",
      commands: [
        "p sk->sk_max_ack_backlog",
        "set $old = sk->sk_max_ack_backlog",
        "set var sk->sk_max_ack_backlog = 77",
        "p sk->sk_max_ack_backlog",
        "x/wd &sk->sk_max_ack_backlog",
        "set var sk->sk_max_ack_backlog = $old",
        "p sk->sk_max_ack_backlog",
        "set {int}&sk->sk_max_ack_backlog = $old",
      ],
    },
    {
      name: "set var in registers and back",
      commands: [
        "set $old = $r15",
        "set var $r15 = 0x1234",
        "p $r15",
        "info registers r15",
        "p $r15 = $old",
        "set $eax = $eax",
        "p $al",
        "p/x $xmm1",
      ],
    },
    {
      name: "write bytes and read them as text",
      commands: [
        "python gdb.selected_inferior().write_memory(int(gdb.parse_and_eval('$sp')) - 512, b'ring' * 100)",
        "x/s $sp-512",
        "x/4xw $sp-128",
      ],
    },
    { name: "call a function of the kernel", commands: ["p int_sqrt(1764)", "call int_sqrt(81)", "p $pc", "bt 1"] },
    {
      name: "watch -l",
      commands: [
        "watch -l sk->__sk_common.skc_state",
        "info watchpoints",
        "continue",
        "p sk->__sk_common.skc_state",
        "bt 2",
        "info breakpoints",
      ],
    },
    { name: "rwatch -l", commands: ["delete", "rwatch -l sk->__sk_common.skc_prot", "continue", "bt 1", "delete"] },
    {
      name: "awatch -l",
      commands: ["awatch -l sk->__sk_common.skc_num", "continue", "bt 1", "info breakpoints", "delete"],
    },
    { name: "finish over several frames", commands: ["finish", "finish", "finish", "bt 3"] },
    { name: "step, next", commands: ["next", "step", "next 2", "step 2", "bt 1"] },
    {
      name: "back to the user's program",
      commands: ["tbreak syscall_exit_to_user_mode", "info breakpoints", "delete", "stepi 12", "bt 1", "x/2i $pc"],
    },
  ],
};

/** Breakpoints with more to them. */
const conditions: Group = {
  name: "conditions, commands, counts",
  scripts: [
    {
      name: "a condition, hit in the end",
      commands: ["break __x64_sys_kill if regs->di == 2004", "info breakpoints", "continue", "p regs->di"],
      typed: [{ line: "shell" }, { after: "# ", line: kills }],
    },
    {
      name: "changed and taken away",
      commands: ["condition 1 regs->di == 2006", "continue", "p regs->di", "condition 1", "info breakpoints"],
    },
    {
      name: "ignore",
      commands: ["ignore 1 3", "continue", "p regs->di", "info breakpoints", "delete"],
      typed: [{ line: kills }],
    },
    {
      name: "commands",
      commands: [
        "break kill_something_info",
        "commands",
        "silent",
        'printf "pid %d\\n", pid',
        "end",
        "continue",
        "continue",
        "continue",
        "info breakpoints",
        "delete",
      ],
      typed: [{ line: kills }],
    },
    {
      name: "disable, enable, enable once",
      commands: [
        "break kill_something_info",
        "break kill_pid_info",
        "disable 3",
        "continue",
        "info args",
        "enable once 3",
        "continue",
        "continue",
        "info breakpoints",
        "delete",
      ],
      typed: [{ line: kills }],
    },
    {
      name: "a condition that gdb must look at itself",
      commands: ['break kill_something_info if $_streq("a", "a") && pid == 2003', "continue", "info args", "delete"],
      typed: [{ line: kills }],
    },
    {
      name: "a condition that cannot be read",
      commands: ["break kill_something_info if *(int *)0 == pid", "continue", "delete"],
      typed: [{ line: kills }],
    },
    {
      name: "dprintf",
      commands: [
        'dprintf kill_something_info,"killed %d\\n", pid',
        "tbreak kill_something_info if pid == 2006",
        "continue",
        "delete",
      ],
      typed: [{ line: kills }],
    },
    {
      name: "breakpoints at lines and addresses, one after another",
      commands: [
        "break *__x64_sys_kill",
        "break *(__x64_sys_kill + 1)",
        "continue",
        "continue",
        "info breakpoints",
        "delete",
        "break net/socket.c:1838",
        "break no_such_function",
        "info breakpoints",
        "delete",
      ],
      typed: [{ line: kills }],
    },
    { name: "Ctrl-C in the idle loop", commands: [ctrlC, "continue", "bt 1"] },
    {
      name: "jump where we are",
      commands: ["tbreak __x64_sys_kill", "jump *$pc", "p regs->di"],
      typed: [{ line: kills }],
    },
  ],
};

/** In the user's own program. */
const userSpace = ({ menuos }: Surroundings): Group => ({
  name: "in the user's program",
  scripts: [
    {
      name: "a breakpoint in MenuOS",
      commands: [`add-symbol-file ${menuos}`, "break service_start", "info breakpoints", "continue", "bt", "info args"],
      typed: [{ line: "replyhi" }],
    },
    {
      name: "its variables and code",
      commands: ["p *parameters", "p service", "list", "x/6i $pc", "info symbol $pc", "ptype parameters"],
    },
    { name: "step, next there", commands: ["next", "next", "step", "stepi", "nexti"] },
    { name: "a watchpoint there", commands: ["watch service", "continue", "p service", "delete"] },
    { name: "finish there", commands: ["finish", "next", "info locals", "bt 2"] },
    {
      name: "hbreak there",
      commands: ["hbreak client_hello", "continue", "bt 2", "delete"],
      typed: [{ line: "hello" }],
    },
    {
      name: "from the program into the kernel",
      commands: ["break sys_connect", "continue", "bt 5", "finish", "delete", "x/2i $pc"],
    },
    { name: "detach", commands: ["info breakpoints", "detach", "info threads", "bt", "x/x $sp"] },
  ],
});

/** All groups. */
export const groups = (surroundings: Surroundings): readonly Group[] => [
  looking(surroundings),
  running,
  conditions,
  userSpace(surroundings),
  watching,
];
