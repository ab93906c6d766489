import type { Group } from "./transparency-scripts.ts";

/** But for those of vectors, in which a guest has random numbers of its own. */
const ALL = "info registers rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip eflags";
const kills = "for i in 2001 2002 2003 2004 2005 2006 2007 2008; do kill -0 $i 2>/dev/null; done";

/** gdb steps by itself to see a value change, and counts steps by itself: where the near agent steps ahead of it. */
export const watching: Group = {
  name: "software watchpoints",
  scripts: [
    {
      name: "a value in a register",
      commands: [
        "tbreak kill_something_info",
        "continue",
        "watch pid",
        "tbreak kill_pid_info",
        "continue",
        "info watchpoints",
      ],
      typed: [{ line: "shell" }, { after: "# ", line: kills }],
    },
    { name: "how it stands then", commands: ["bt", ALL, "x/24gx $sp", "x/6i $pc", "info locals"] },
    {
      name: "on to a breakpoint over many steps",
      commands: ["continue", "bt 2", "p $pc", ALL, "delete"],
    },
    {
      name: "many single steps",
      commands: ["stepi 40", ALL, "stepi 17", "x/8gx $sp", "stepi", "stepi 64", "bt 3"],
    },
    { name: "nexti over calls", commands: ["nexti 12", "bt 2", "info registers rsp rbp rax"] },
    {
      name: "memory through a pointer, without hardware",
      commands: [
        "set can-use-hw-watchpoints 0",
        "tbreak kill_something_info",
        "continue",
        "watch -l *(long *)($sp - 24)",
        "continue",
        "bt 1",
        "x/4i $pc",
        ALL,
        "delete",
      ],
    },
    {
      name: "one that goes out of scope",
      commands: ["tbreak kill_pid_info", "continue", "watch sig", "continue", "bt 2", "info watchpoints", "delete"],
    },
    {
      name: "next and finish while one is watched",
      commands: [
        "tbreak kill_something_info",
        "continue",
        "watch sig",
        "next",
        "next",
        ALL,
        "finish",
        "bt 1",
        "delete",
      ],
    },
    {
      name: "writes in between",
      commands: [
        "stepi 9",
        "set $old = $r11",
        "set var $r11 = 5",
        "stepi 7",
        "p $r11",
        "set var $r11 = $old",
        "set $word = *(long *)($sp - 64)",
        "set {long}($sp - 64) = 3",
        "stepi 5",
        "x/gx $sp - 64",
        ALL,
      ],
    },
  ],
};
